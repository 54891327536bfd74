"""``tools/check_data.py``: its arguments and its exit status."""

import sys

import pytest

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions
from fdkd.doctor.findings import Finding
from fdkd.doctor.report import Report
from tests.support.repository import REPOSITORY, tool


@pytest.fixture
def run(monkeypatch):
    """A function that runs the tool with a report of these severities, and returns the exit status and the call."""
    script = tool(REPOSITORY / 'tools' / 'check_data.py')

    def call(arguments, *severities):
        calls = []
        findings = [Finding(severity, 'train', 'a', 'rgb', '', 'range', '') for severity in severities]
        monkeypatch.setattr(
            script, 'check_data', lambda *given: calls.append(given) or Report('', '', findings, [], 0.0)
        )
        monkeypatch.setattr(sys, 'argv', ['check_data.py', *arguments])
        with pytest.raises(SystemExit) as caught:
            guarded(script.main)
        return int(caught.value.code), calls[0]

    call.script = script
    return call


def test_arguments_reach_the_check(run):
    arguments = ['a.py', '--csv', 'f.csv', '--json', 'f.json', '--show', '2', '--data-root', 'd', '--workers', '0']
    _, given = run([*arguments, '--cfg-options', 'randomness.seed=1'])
    options = RunOptions(data_root='d', workers=0, cfg_options={'randomness.seed': 1})
    assert given == ('a.py', options, 'f.csv', 'f.json', 2)


@pytest.mark.parametrize(
    ('severities', 'status'), [((), 0), (('note',), 0), (('warning', 'note'), 0), (('warning', 'error'), 1)]
)
def test_errors_alone_fail(run, severities, status):
    assert run(['a.py'], *severities)[0] == status


def test_ctrl_c_is_told_in_one_line(run, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run.script, 'check_data', interrupted)
    monkeypatch.setattr(sys, 'argv', ['check_data.py', 'a.py'])
    with pytest.raises(SystemExit) as caught:
        run.script.main()
    assert caught.value.code == 130
    assert capsys.readouterr().err == 'error: interrupted, nothing was written\n'
