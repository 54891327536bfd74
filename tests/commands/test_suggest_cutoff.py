"""``fdkd suggest-cutoff``: its arguments, and how it refuses."""

import pytest

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions
from fdkd.commands import suggest_cutoff

WORDS = ['pair.py', 'student.pth', 'teacher.pth']


def test_arguments_reach_the_comparison(calls_of):
    calls = calls_of(suggest_cutoff, 'cutoff')
    options = ['--data-root', 'data/x', '--split', 'val', '--bands', '8', '--out', 'folder']
    options += ['--size', '64x48', '--workers', '0', '--text-model', 'bert']
    suggest_cutoff.main([*WORDS, *options])
    expected = RunOptions(data_root='data/x', size=(64, 48), workers=0, text_model='bert')
    settings = {'split': 'val', 'bands': 8, 'out': 'folder', 'unsafe_checkpoint': False}
    assert calls == [(('pair.py', 'student.pth', 'teacher.pth', expected), settings)]


def test_training_data_is_read_unless_told_otherwise_and_never_test_data(calls_of, capsys):
    calls = calls_of(suggest_cutoff, 'cutoff')
    suggest_cutoff.main(WORDS)
    settings = {'split': 'train', 'bands': 16, 'out': None, 'unsafe_checkpoint': False}
    assert calls == [((*WORDS, RunOptions()), settings)]
    with pytest.raises(SystemExit) as stopped:
        suggest_cutoff.main([*WORDS, '--split', 'test'])
    assert stopped.value.code == 2
    assert "argument --split: invalid choice: 'test'" in capsys.readouterr().err
    assert len(calls) == 1


def test_failure_is_one_message():
    with pytest.raises(SystemExit, match=r'error: none\.py: no such config file'):
        guarded(lambda: suggest_cutoff.main(['none.py', *WORDS[1:]]))
