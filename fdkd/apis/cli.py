"""Command lines: the options that tools share, and errors without tracebacks."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields

from mmengine.config import DictAction

from fdkd.apis.options import CACHES, PRECISIONS, RunOptions
from fdkd.engine.launch import leave_distributed
from fdkd.errors import FdkdError

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')
#: Where ``--cache-teacher`` keeps features.
TEACHER_CACHE = 'work_dirs/teacher_cache'


def add_run_options(parser: argparse.ArgumentParser, training: bool = True) -> None:
    """Adds the options of :class:`~fdkd.apis.options.RunOptions` and ``--launcher``; without ``training`` only those
    that change an evaluation."""
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
        _add_speed_options(parser)
    parser.add_argument('--launcher', choices=LAUNCHERS, default='none', help='what started this process')
    parser.add_argument('--unsafe-checkpoint', action='store_true', help='unpickle checkpoints that you trust fully')
    parser.add_argument(
        '--cfg-options', nargs='+', action=KeyValue, default={}, metavar='KEY=VALUE',
        help="any other change, by dotted path; reaches this config alone, not its teacher's",
    )  # fmt: skip
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
        if wrong := [text for text in values if '=' not in text]:
            raise argparse.ArgumentError(self, f'{wrong[0]!r}, expected KEY=VALUE')
        super().__call__(parser, namespace, values, option_string)


def parse_size(text: str) -> tuple[int, int]:
    """``'128x96'`` as ``(128, 96)``: width and height."""
    width, _, height = text.partition('x')
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f'{text!r}, expected WIDTHxHEIGHT, for example 640x480')
    return int(width), int(height)


def guarded(main: Callable[[], None]) -> None:
    """Runs ``main``, to the end of all ranks; an expected failure becomes one message on stderr and exit status 1."""
    try:
        main()
        leave_distributed()
    except FdkdError as error:
        sys.exit(f'error: {_own_words(error)}')


def _own_words(error: FdkdError) -> str:
    """The message itself; an error from a data loader's process comes wrapped in that process's traceback."""
    return str(error).rpartition(f'{type(error).__name__}: ')[2].strip()
