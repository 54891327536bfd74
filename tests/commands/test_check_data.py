"""``fdkd check-data``: its arguments and its exit status."""

import pytest

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions
from fdkd.commands import check_data
from fdkd.doctor.findings import Finding
from fdkd.doctor.report import Report


@pytest.fixture
def run(calls_of):
    """A function that runs the command with a report of these severities, and returns the exit status and the call."""

    def call(arguments, *severities):
        findings = [Finding(severity, 'train', 'a', 'rgb', '', 'range', '') for severity in severities]
        calls = calls_of(check_data, 'check_data', Report('', '', findings, [], 0.0))
        with pytest.raises(SystemExit) as caught:
            guarded(lambda: check_data.main(arguments))
        return int(caught.value.code), calls[0][0]

    return call


def test_arguments_reach_the_check(run):
    arguments = ['a.py', '--csv', 'f.csv', '--json', 'f.json', '--show', '2', '--data-root', 'd', '--workers', '0']
    _, given = run([*arguments, '--text-model', 'bert', '--cfg-options', 'randomness.seed=1'])
    options = RunOptions(data_root='d', workers=0, text_model='bert', cfg_options={'randomness.seed': 1})
    assert given == ('a.py', options, 'f.csv', 'f.json', 2)


@pytest.mark.parametrize(
    ('severities', 'status'), [((), 0), (('note',), 0), (('warning', 'note'), 0), (('warning', 'error'), 1)]
)
def test_errors_alone_fail(run, severities, status):
    assert run(['a.py'], *severities)[0] == status


def test_ctrl_c_is_told_in_one_line(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(check_data, 'check_data', interrupted)
    with pytest.raises(SystemExit) as caught:
        check_data.main(['a.py'])
    assert caught.value.code == 130
    assert capsys.readouterr().err == 'error: interrupted, nothing was written\n'
