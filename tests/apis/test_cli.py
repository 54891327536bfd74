"""Command lines: sizes, options, and errors without tracebacks."""

import argparse
import subprocess
import sys

import pytest

from fdkd.apis.cli import add_run_options, guarded, parse_size, positive, run_options
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
    assert (
        run.stderr.strip().splitlines()[-1].startswith(f'error: {tmp_path / "none"}: no such folder. Convert the data')
    )
    assert 'Traceback' not in run.stderr
