"""``tools/check_config.py``: its arguments and its exit status."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions
from fdkd.check.findings import Findings

SCRIPT = 'tools/check_config.py'


@pytest.fixture
def tool():
    spec = spec_from_file_location('check_config_tool', Path(__file__).parents[2] / SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize('mistakes', [[], ['wrong']])
def test_arguments_reach_the_check_and_mistakes_the_exit_status(tool, monkeypatch, mistakes):
    calls = []

    def check(*args, **kwargs):
        calls.append((args, kwargs))
        return [Findings('a.py'), Findings('b.py', mistakes)]

    monkeypatch.setattr(tool, 'check_configs', check)
    options = ['--quick', '--json', 'out.json', '--size', '64x48', '--cfg-options', 'model.x=1']
    monkeypatch.setattr(sys, 'argv', [SCRIPT, 'a.py', 'b.py', *options])
    if mistakes:
        with pytest.raises(SystemExit) as stopped:
            tool.main()
        assert stopped.value.code == 1
    else:
        tool.main()
    expected = RunOptions(size=(64, 48), cfg_options={'model.x': 1})
    assert calls == [((['a.py', 'b.py'], expected), {'quick': True, 'json': 'out.json'})]


def test_failure_is_one_message(tool, monkeypatch):
    monkeypatch.setattr(sys, 'argv', [SCRIPT, 'a.py', '--json', 'no/such/folder/out.json'])
    with pytest.raises(SystemExit, match=r'error: --json no/such/folder/out\.json: there is no such folder'):
        guarded(tool.main)
