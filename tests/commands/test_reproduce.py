"""``fdkd reproduce``: its arguments, its exit status, and that it ends with its runs."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions
from fdkd.commands import reproduce
from fdkd.errors import ConfigError
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


def test_options_reach_every_run(call, monkeypatch):
    asked = []

    def stop(*given):
        asked.append(given)
        raise ConfigError('enough')

    monkeypatch.setattr(reproduce, 'Reproduction', stop)
    words = ['--data-root', 'd', '--size', '64x48', '--batch-size', '2', '--pretrained', 'none', '--text-model', 'bert']
    words += ['--amp', '--workers', '0', '--cache-teacher-in', 'c', '--seeds', '0', '7', '--budget', '0.5']
    for more in ([], words):
        with pytest.raises(SystemExit, match='error: enough'):
            call('table1', *more)
    options = RunOptions(
        data_root='d', size=(64, 48), batch_size=2, pretrained='none', text_model='bert', amp=True, workers=0,
        cache_teacher='c',
    )  # fmt: skip
    out = Path('reproduction')
    assert asked[0] == (['table1'], ['grid'], None, out, reproduce.home(), None, RunOptions(), 1.0)
    assert asked[1] == (['table1'], ['grid'], [0, 7], out, reproduce.home(), None, options, 0.5)


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


@pytest.mark.parametrize('dry', [['--dry-run'], []])
def test_blocked_runs_are_listed_and_are_the_exit_status(place, call, capsys, dry):
    write_repository(place, place / 'nowhere', data='gone')
    with pytest.raises(SystemExit) as stopped:
        call('table1', '--data', 'gone', '--seeds', '0', '--methods', 'feat', *dry)
    assert stopped.value.code == 'of 3 runs, 3 blocked: the same command tries them again'
    printed = capsys.readouterr().out
    assert 'blocked: 3 runs, for example configs/unimodal/gone_image.py: ' in printed
    assert f'{place / "nowhere"}: no such folder' in printed
    assert ('feat-gone_image_from_imu-seed0' in printed) == bool(dry)


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
