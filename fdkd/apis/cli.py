"""Command lines: the options that tools share, and errors without tracebacks."""

import argparse
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields

from mmengine.config import DictAction
from mmengine.dist import is_distributed, is_main_process

from fdkd.apis.failures import in_one_line
from fdkd.apis.options import CACHES, ON_ERROR, PRECISIONS, RunOptions
from fdkd.engine.interruption import STOPPED, Interrupted
from fdkd.engine.launch import leave_distributed
from fdkd.engine.rank_failure import another_failed, fail, leave_at_once

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')
#: Where ``--cache-teacher`` keeps features.
TEACHER_CACHE = 'work_dirs/teacher_cache'


def add_run_options(parser: argparse.ArgumentParser, training: bool = True) -> None:
    """Adds ``--work-dir``, ``--unsafe-checkpoint`` and the options of :class:`~fdkd.apis.options.RunOptions`; without
    ``training`` only those that change an evaluation."""
    parser.add_argument('--work-dir', help='folder for everything that the run writes')
    parser.add_argument('--data-root', help='folder of the data set')
    parser.add_argument('--size', type=parse_size, metavar='WIDTHxHEIGHT', help='size that samples are resized to')
    parser.add_argument('--workers', type=whole, help='processes that load data')
    parser.add_argument('--text-model', metavar='NAME|FOLDER', help='Hugging Face model of tokenizer and text encoder')
    if training:
        parser.add_argument('--epochs', type=positive, help='length of training; the schedule is stretched with it')
        parser.add_argument('--batch-size', type=positive, help='training samples per step and process')
        parser.add_argument('--pretrained', metavar='FILE|none', help="ImageNet weights; 'none' trains from scratch")
        parser.add_argument('--seed', type=whole, help='seed of initialisation, order and augmentation')
        parser.add_argument(
            '--on-error', choices=ON_ERROR,
            help='whether a training sample that cannot be read stops the training (raise) or is replaced (skip)',
        )  # fmt: skip
        _add_speed_options(parser)
    parser.add_argument('--unsafe-checkpoint', action='store_true', help='unpickle checkpoints that you trust fully')
    parser.add_argument(
        '--cfg-options', nargs='+', action=KeyValue, default={}, metavar='KEY=VALUE',
        help="any other change, by dotted path; of these only look_at_every_step reaches the teacher's config",
    )  # fmt: skip


def add_launcher(parser: argparse.ArgumentParser) -> None:
    """Adds ``--launcher``, for what several processes may run, and ``--local-rank``, which some launchers pass."""
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='what started this process')
    parser.add_argument('--local-rank', type=int, help=argparse.SUPPRESS)


def _add_speed_options(parser: argparse.ArgumentParser) -> None:
    """Options that change how fast a training is; docs/training_speed.md says what each does to the numbers."""
    parser.add_argument(
        '--amp', action='store_const', const=True, default=False,
        help='mixed precision, bfloat16 where the device has it, else float16',
    )  # fmt: skip
    parser.add_argument('--amp-dtype', dest='amp', choices=PRECISIONS, help='mixed precision in this type')
    parser.add_argument('--channels-last', action='store_true', help='channels innermost in weights, images and maps')
    parser.add_argument('--compile', action='store_true', help='torch.compile the networks, between their taps')
    parser.add_argument(
        '--accumulate', type=positive, metavar='N',
        help='batches whose gradients make one step: it then sees batch size x N x processes samples',
    )  # fmt: skip
    parser.add_argument('--cache', choices=CACHES, help='keep decoded training samples, to read them once')
    parser.add_argument(
        '--cache-teacher', action='store_const', const=TEACHER_CACHE,
        help=f"keep the frozen teacher's features in {TEACHER_CACHE}, to run it once for each view",
    )  # fmt: skip
    parser.add_argument(
        '--cache-teacher-in', dest='cache_teacher', metavar='FOLDER', help='the same, in another folder'
    )
    parser.add_argument(
        '--views', type=positive, metavar='N', help="let the augmentation of the teacher's view repeat after N epochs"
    )


def run_options(args: argparse.Namespace) -> RunOptions:
    """The options that :func:`add_run_options` parsed."""
    names = [entry.name for entry in fields(RunOptions)]
    return RunOptions(**{name: getattr(args, name) for name in names if hasattr(args, name)})


def positive(text: str) -> int:
    """``'3'`` as ``3``, for argparse; refuses what is not a whole number above 0."""
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f'{text!r}, expected a whole number above 0')
    return int(text)


def whole(text: str) -> int:
    """``'0'`` as ``0``, for argparse; refuses what is not a whole number of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'{text!r}, expected a whole number of 0 or more')
    return int(text)


class KeyValue(DictAction):
    """MMEngine's ``KEY=VALUE`` pairs, which say so where there is no ``=``."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Sequence[str],
        option_string: str | None = None,
    ) -> None:
        if wrong := [text for text in values if not text.partition('=')[0] or '=' not in text]:
            raise argparse.ArgumentError(self, f'{wrong[0]!r}, expected KEY=VALUE')
        try:
            super().__call__(parser, namespace, values, option_string)
        except AssertionError as error:  # brackets that do not match
            raise argparse.ArgumentError(self, f'{" ".join(values)!r}: {error}') from error


def parse_size(text: str) -> tuple[int, int]:
    """``'128x96'`` as ``(128, 96)``: width and height."""
    width, _, height = text.partition('x')
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f'{text!r}, expected WIDTHxHEIGHT, for example 640x480')
    return int(width), int(height)


def guarded(main: Callable[[], None]) -> None:
    """Runs ``main``, to the end of all ranks, and turns what ends it early into a message on stderr and a status.

    That is 1 for an expected failure, which :func:`~fdkd.apis.failures.in_one_line` knows (mistakes, and what the
    machine refuses), :data:`~fdkd.engine.interruption.STOPPED` for a training that a signal has stopped, 130 for Ctrl-C
    elsewhere, and 141 where nobody reads what is printed any more. One of several ranks that fails waits for no other.
    """
    try:
        main()
        leave_distributed()
    except Interrupted as stop:
        _end(stop)
    except KeyboardInterrupt:
        print('stopped by Ctrl-C', file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and not _stdout_is_read():
            sys.exit(128 + signal.SIGPIPE)
        told = in_one_line(error)
        if is_distributed():
            fail(error) if told is None else leave_at_once(f'error: {told}', 1)
        if told is None:
            raise  # of a programming error only the traceback tells anything
        sys.exit(f'error: {told}')


def _end(stop: Interrupted) -> None:
    """Ends a process that a signal has stopped: with all ranks, or where it was."""
    # The first rank that ends makes srun and torchrun send SIGTERM to the others, which are to end with this status.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not is_distributed():
        print(stop, file=sys.stderr)
    elif stop.together:
        if is_main_process():
            print(stop, file=sys.stderr)
        leave_distributed()
    elif another_failed():
        leave_at_once('error: another rank has failed, whose own message says why', 1)
    else:
        if is_main_process():
            time.sleep(1)  # with rank 0 goes the store that the others ask whether a rank has failed
        leave_at_once(str(stop), STOPPED, failed=False)
    sys.exit(STOPPED)


def _stdout_is_read() -> bool:
    """Whether anyone still reads what is printed; where nobody does, what is left for stdout goes nowhere."""
    stdout = sys.stdout.fileno()
    watch = select.poll()
    watch.register(stdout, 0)  # which tells of errors alone
    if not watch.poll(0):
        return True
    os.dup2(os.open(os.devnull, os.O_WRONLY), stdout)
    return False
