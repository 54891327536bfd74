"""``fdkd suggest-cutoff``: its arguments, and how it refuses."""

import pytest

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions
from fdkd.commands import suggest_cutoff

WORDS = ['pair.py', 'student.pth', 'teacher.pth']


def test_arguments_reach_the_comparison(monkeypatch):
    calls = []
    monkeypatch.setattr(suggest_cutoff, 'cutoff', lambda *args, **kwargs: calls.append((args, kwargs)))
    options = ['--data-root', 'data/x', '--split', 'val', '--bands', '8', '--out', 'folder']
    options += ['--size', '64x48', '--workers', '0']
    suggest_cutoff.main([*WORDS, *options])
    expected = RunOptions(data_root='data/x', size=(64, 48), workers=0)
    settings = {'split': 'val', 'bands': 8, 'out': 'folder', 'unsafe_checkpoint': False}
    assert calls == [(('pair.py', 'student.pth', 'teacher.pth', expected), settings)]


def test_training_data_is_read_unless_told_otherwise_and_never_test_data(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(suggest_cutoff, 'cutoff', lambda *_, **kwargs: calls.append(kwargs))
    suggest_cutoff.main(WORDS)
    assert (calls[0]['split'], calls[0]['bands'], calls[0]['out']) == ('train', 16, None)
    with pytest.raises(SystemExit):
        suggest_cutoff.main([*WORDS, '--split', 'test'])
    assert 'invalid choice' in capsys.readouterr().err


def test_failure_is_one_message():
    with pytest.raises(SystemExit, match=r'error: none\.py: no such config file'):
        guarded(lambda: suggest_cutoff.main(['none.py', *WORDS[1:]]))
