"""``fdkd reproduce``: its arguments, its exit status, and that it ends with its runs."""

import multiprocessing
import os
import signal
import time

import pytest

from fdkd.apis.cli import guarded
from fdkd.commands import reproduce
from tests.support.motions import write_motions
from tests.support.repository import write_repository

#: A training that says that it began and then takes for ever.
ENDLESS = """
import os, pathlib, time
(pathlib.Path(__file__).parent / 'began').write_text(str(os.getpid()))
time.sleep(600)
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A small repository, for the one that fdkd comes with, and the current folder."""
    place = write_repository(tmp_path / 'repository', write_motions(tmp_path / 'motions'))
    monkeypatch.setattr(reproduce, 'home', lambda: place)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def call(place):
    before = signal.getsignal(signal.SIGTERM)

    def call(*arguments):
        guarded(lambda: reproduce.main(arguments))

    yield call
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], 'the following arguments are required: WHAT'),
        (['table5'], "argument WHAT: invalid choice: 'table5'"),
        (['table1', '--seeds', '-1'], '--seeds'),
        (['table1', '--jobs', '0'], "argument --jobs: '0', expected a whole number above 0"),
        (['table1', '--size', '3'], 'expected WIDTHxHEIGHT'),
        (['table1', '--budget', 'half'], "argument --budget: invalid float value: 'half'"),
    ],
)
def test_arguments_that_cannot_be_read(call, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        call(*arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_mistake_is_one_message(call):
    with pytest.raises(SystemExit) as stopped:
        call('table1', '--data', 'tiy')
    assert stopped.value.code == 'error: --data tiy: no config is called after it; the data sets are tiny'


def test_a_dry_run_lists_and_writes_nothing(place, call, capsys):
    call('table1', 'table4', '--data', 'tiny', '--seeds', '0', '7', '--methods', 'feat', '--budget', '3', '--dry-run')
    printed = capsys.readouterr().out
    assert '12 of 12 runs to do, 1 at a time: unknown' in printed
    assert 'feat-tiny_image_from_imu-seed7-' in printed
    assert '| 3      |' in printed
    assert not (place / 'reproduction').exists()


def test_failures_are_the_exit_status_and_tables_are_written_all_the_same(place, call):
    (place / 'tools' / 'train.py').unlink()
    (place / 'tools' / 'train.py').write_text('raise OSError("no training today")')
    with pytest.raises(SystemExit) as stopped:
        call('table1', '--data', 'tiny', '--seeds', '0', '--methods', 'feat', '--out', 'here')
    assert stopped.value.code == 'of 3 runs, 3 failed: the same command tries them again'
    assert 'no training today' in (place / 'here' / 'tiny-feat' / 'table1.md').read_text()


def test_sigterm_ends_the_runs_as_well(place, call):
    (place / 'tools' / 'train.py').unlink()
    (place / 'tools' / 'train.py').write_text(ENDLESS)
    arguments = ('table1', '--data', 'tiny', '--seeds', '0', '--methods', 'feat')
    parent = multiprocessing.get_context('fork').Process(target=call, args=arguments)
    parent.start()
    began = place / 'tools' / 'began'
    deadline = time.monotonic() + 60
    while not (began.exists() and began.read_text()):
        assert time.monotonic() < deadline
        assert parent.is_alive()
        time.sleep(0.05)
    os.kill(parent.pid, signal.SIGTERM)
    parent.join(60)
    assert parent.exitcode == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int(began.read_text()), 0)
    assert not (place / 'reproduction' / 'ledger.jsonl').exists()
