"""Command lines: sizes, options, and errors without tracebacks."""

import argparse
import os
import signal
import subprocess
import sys

import pytest

from fdkd.apis.cli import add_run_options, guarded, parse_size, positive, run_options
from fdkd.engine.interruption import Interrupted
from fdkd.errors import DataError


def test_sizes():
    assert parse_size('128x96') == (128, 96)
    for text in ('128', '0x96', '128x', 'axb', '-1x3'):
        with pytest.raises(argparse.ArgumentTypeError, match='expected WIDTHxHEIGHT'):
            parse_size(text)


@pytest.mark.parametrize('text', ['0', '-1', '1.5', 'many', ''])
def test_counts_are_whole_and_positive(text):
    assert positive('12') == 12
    with pytest.raises(argparse.ArgumentTypeError, match='above 0'):
        positive(text)


def test_options_reach_the_run():
    parser = argparse.ArgumentParser()
    add_run_options(parser)
    options = run_options(parser.parse_args(['--size', '64x48', '--epochs', '3', '--cfg-options', 'a.b=1', 'c=[1,2]']))
    assert (options.size, options.epochs, options.seed) == ((64, 48), 3, None)
    assert options.cfg_options == {'a.b': 1, 'c': [1, 2]}


@pytest.mark.parametrize(
    ('words', 'expected'),
    [
        ([], {'amp': False, 'channels_last': False, 'compile': False, 'cache_teacher': None, 'accumulate': None}),
        (['--amp'], {'amp': True}),
        (['--amp-dtype', 'fp16'], {'amp': 'fp16'}),
        (
            ['--channels-last', '--compile', '--accumulate', '4'],
            {'channels_last': True, 'compile': True, 'accumulate': 4},
        ),
        (
            ['--cache', 'ram', '--cache-teacher', '--views', '2'],
            {'cache': 'ram', 'cache_teacher': 'work_dirs/teacher_cache', 'views': 2},
        ),
        (['--cache-teacher-in', 'there'], {'cache_teacher': 'there', 'views': None}),
        (['--on-error', 'skip'], {'on_error': 'skip'}),
    ],
)
def test_speed_options_reach_the_run(words, expected):
    parser = argparse.ArgumentParser()
    add_run_options(parser)
    options = run_options(parser.parse_args(words))
    assert {name: getattr(options, name) for name in expected} == expected


@pytest.mark.parametrize(
    'words',
    [
        ['--amp-dtype', 'half'],
        ['--cache', 'gpu'],
        ['--accumulate', '0'],
        ['--views', '0'],
        ['--epochs', '0'],
        ['--batch-size', '-2'],
        ['--seed', '-1'],
        ['--workers', 'x'],
        ['--cfg-options', 'foo'],
    ],
)
def test_values_that_cannot_be_meant_are_refused(words, capsys):
    parser = argparse.ArgumentParser()
    add_run_options(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(words)
    assert f'argument {words[0]}' in capsys.readouterr().err


def test_an_evaluation_takes_no_option_that_it_would_ignore(capsys):
    parser = argparse.ArgumentParser()
    add_run_options(parser, training=False)
    assert run_options(parser.parse_args(['--size', '64x48'])).size == (64, 48)
    with pytest.raises(SystemExit):
        parser.parse_args(['--amp'])
    assert 'unrecognized arguments: --amp' in capsys.readouterr().err


def test_an_expected_failure_is_one_message():
    def fail():
        raise DataError('rgb/0001.jpg: unreadable')

    with pytest.raises(SystemExit, match=r'^error: rgb/0001.jpg: unreadable$'):
        guarded(fail)


def test_a_failure_in_a_loader_process_is_cut_out_of_its_traceback():
    def fail():
        raise DataError(
            'Caught DataError in worker 0.\nTraceback:\n  ...\nfdkd.errors.DataError: rgb/0001.jpg: unreadable\n'
        )

    with pytest.raises(SystemExit, match=r'^error: rgb/0001.jpg: unreadable$'):
        guarded(fail)


def test_the_tool_says_what_is_wrong_with_a_data_root(tmp_path):
    command = [
        'tools/train.py',
        'configs/unimodal/nyu_rgb.py',
        '--data-root',
        str(tmp_path / 'none'),
        '--pretrained',
        'none',
    ]
    run = subprocess.run(
        [sys.executable, *command, '--work-dir', str(tmp_path / 'run')], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert run.stderr.strip().splitlines()[-1].startswith(f'error: {tmp_path / "none"}: no such folder; convert it')
    assert 'Traceback' not in run.stderr


@pytest.fixture
def sigterm():
    """Gives the handler back that is taken where a process ends."""
    former = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, former)


def ending(error, capsys):
    """The status and the message of a ``main`` that ends so."""

    def main():
        raise error

    with pytest.raises(SystemExit) as ended:
        guarded(main)
    return ended.value.code, capsys.readouterr().err


def test_a_stopped_training_can_be_told_from_a_stopped_tool(capsys, sigterm):
    assert ending(Interrupted('stopped by SIGTERM'), capsys) == (75, 'stopped by SIGTERM\n')
    assert ending(KeyboardInterrupt(), capsys) == (130, 'stopped by Ctrl-C\n')


@pytest.mark.parametrize('first', [True, False])
def test_the_first_of_stopped_ranks_leaves_last_and_no_further_signal_changes_a_status(monkeypatch, sigterm, first):
    def leave(message, status, failed):
        os.kill(os.getpid(), signal.SIGTERM)
        done.append(status)
        sys.exit(status)

    def stop():
        raise Interrupted('stopped by SIGTERM')

    done = []
    for name, value in {'is_distributed': True, 'another_failed': False, 'is_main_process': first}.items():
        monkeypatch.setattr(f'fdkd.apis.cli.{name}', lambda value=value: value)
    monkeypatch.setattr('fdkd.apis.cli.leave_at_once', leave)
    monkeypatch.setattr('fdkd.apis.cli.time.sleep', lambda seconds: done.append('waited'))
    with pytest.raises(SystemExit):
        guarded(stop)
    assert done == (['waited', 75] if first else [75])


def test_what_nobody_expects_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 / 0)


def test_ranks_take_leave_once_all_is_done(monkeypatch):
    def refuse():
        raise DataError('rgb/0001.jpg: unreadable')

    done = []
    monkeypatch.setattr('fdkd.apis.cli.leave_distributed', lambda: done.append('left'))
    guarded(lambda: done.append('worked'))
    assert done == ['worked', 'left']
    with pytest.raises(SystemExit):
        guarded(refuse)
    assert done == ['worked', 'left']


def test_a_reader_that_has_gone_is_no_error(tmp_path):
    read, write = os.pipe()
    process = os.fork()
    if not process:
        os.close(read)
        os.dup2(write, 1)
        sys.stdout, sys.stderr = os.fdopen(1, 'w'), (tmp_path / 'stderr').open('w')
        status = 3
        try:
            guarded(lambda: [print('many', number) for number in range(10000)])
        except SystemExit as ended:
            status = ended.code
        finally:
            os._exit(status)
    os.close(write)
    os.close(read)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 141
    assert (tmp_path / 'stderr').read_text() == ''
