"""``fdkd check``: its arguments and its exit status."""

import pytest

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions
from fdkd.check.findings import Findings
from fdkd.commands import check


@pytest.mark.parametrize('mistakes', [[], ['wrong']])
def test_arguments_reach_the_check_and_mistakes_the_exit_status(calls_of, mistakes):
    calls = calls_of(check, 'check_configs', [Findings('a.py'), Findings('b.py', mistakes)])
    options = ['--quick', '--json', 'out.json', '--size', '64x48', '--cfg-options', 'model.x=1']
    if mistakes:
        with pytest.raises(SystemExit) as stopped:
            check.main(['a.py', 'b.py', *options])
        assert stopped.value.code == 1
    else:
        check.main(['a.py', 'b.py', *options])
    expected = RunOptions(size=(64, 48), cfg_options={'model.x': 1})
    assert calls == [((['a.py', 'b.py'], expected), {'quick': True, 'json': 'out.json'})]


def test_failure_is_one_message():
    with pytest.raises(SystemExit, match=r'error: --json no/such/folder/out\.json: there is no such folder'):
        guarded(lambda: check.main(['a.py', '--json', 'no/such/folder/out.json']))
