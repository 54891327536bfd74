"""``tools/analysis/suggest_cutoff.py``: its arguments, and how it refuses."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions

SCRIPT = 'tools/analysis/suggest_cutoff.py'


@pytest.fixture
def tool():
    spec = spec_from_file_location('suggest_cutoff', Path(__file__).parents[2] / SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_arguments_reach_the_comparison(tool, monkeypatch):
    calls = []
    monkeypatch.setattr(tool, 'cutoff', lambda *args, **kwargs: calls.append((args, kwargs)))
    options = ['--data-root', 'data/x', '--split', 'val', '--bands', '8', '--out', 'folder']
    options += ['--size', '64x48', '--workers', '0']
    monkeypatch.setattr(sys, 'argv', [SCRIPT, 'pair.py', 'student.pth', 'teacher.pth', *options])
    tool.main()
    expected = RunOptions(data_root='data/x', size=(64, 48), workers=0)
    settings = {'split': 'val', 'bands': 8, 'out': 'folder', 'unsafe_checkpoint': False}
    assert calls == [(('pair.py', 'student.pth', 'teacher.pth', expected), settings)]


def test_training_data_is_read_unless_told_otherwise_and_never_test_data(tool, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(tool, 'cutoff', lambda *_, **kwargs: calls.append(kwargs))
    monkeypatch.setattr(sys, 'argv', [SCRIPT, 'pair.py', 'student.pth', 'teacher.pth'])
    tool.main()
    assert (calls[0]['split'], calls[0]['bands'], calls[0]['out']) == ('train', 16, None)
    monkeypatch.setattr(sys, 'argv', [*sys.argv, '--split', 'test'])
    with pytest.raises(SystemExit):
        tool.main()
    assert 'invalid choice' in capsys.readouterr().err


def test_failure_is_one_message(tool, monkeypatch):
    monkeypatch.setattr(sys, 'argv', [SCRIPT, 'none.py', 'student.pth', 'teacher.pth'])
    with pytest.raises(SystemExit, match=r'error: none\.py: no such config file'):
        guarded(tool.main)
