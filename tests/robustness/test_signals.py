"""Two ranks: stopping together, and what is left of a job when one of them dies."""

import os
import re
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions
from fdkd.apis.train import train
from tests.support.probes import pythonpath
from tests.support.signalling import same_weights, spare_time, strike, write_striking

LIMIT = 60
GONE = r'error: another rank has gone, whose own message says why \(RuntimeError: .*\)'


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    return write_striking(tmp_path_factory.mktemp('configs')).with_name('imu.py')


def run_rank(rank, folder, config, report, changes):
    """One rank of a training in ``folder / 'run'``, as ``tools/train.py`` would be."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(folder / f'output{rank}', os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.stdout, sys.stderr = os.fdopen(1, 'w'), os.fdopen(2, 'w')
    os.environ['LOCAL_RANK'] = str(rank)

    def main():
        store = torch.distributed.TCPStore('127.0.0.1', int(os.environ['PORT']), 2, rank == 0)
        torch.distributed.init_process_group(
            'gloo', store=store, rank=rank, world_size=2, timeout=timedelta(seconds=LIMIT)
        )
        options = RunOptions(epochs=2, batch_size=2, **changes)
        train(config, options, work_dir=folder / 'run', resume=True, launcher='pytorch')

    spare_time(pytest.MonkeyPatch(), report)
    guarded(main)


@pytest.fixture
def run(tmp_path, config, monkeypatch):
    """Trains on two ranks; returns their exit statuses and what they wrote."""

    def run(what=None, folder=tmp_path, report=None, **changes):
        monkeypatch.setenv('STRIKE', what or '')
        monkeypatch.setenv('PORT', str(free_port()))
        fork = get_context('fork')
        ranks = [fork.Process(target=run_rank, args=(rank, folder, config, report, changes)) for rank in range(2)]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join(LIMIT)
        hung = [process for process in ranks if process.is_alive()]
        for process in hung:
            process.kill()
        outputs = [(folder / f'output{rank}').read_text() for rank in range(2)]
        assert not hung, '\n'.join(outputs)
        return [process.exitcode for process in ranks], outputs

    return run


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """A folder that holds an uninterrupted run once a test has asked for one."""
    return tmp_path_factory.mktemp('whole')


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


@pytest.mark.parametrize(
    ('what', 'iteration', 'changes'),
    [
        ('1 after_train_iter 1 SIGTERM', 3, {}),  # rank 0 hears of it one step later
        ('0 after_train_iter 3 group SIGINT', 5, {'workers': 1}),  # rank 1 is not signalled, the worker of rank 0 is
        ('1 before_val_iter 0 SIGTERM', 3, {}),
    ],
)
def test_ranks_stop_together_and_resume_exactly(run, whole, tmp_path, what, iteration, changes):
    if not (whole / 'run').exists():
        assert run(folder=whole)[0] == [0, 0]
    statuses, outputs = run(what, **changes)
    assert statuses == [75, 75], outputs
    name = re.match(r'.*(SIG\w+)', what)[1]
    assert f'stopped by {name} at iteration {iteration} of 6; everything is saved in ' in outputs[0]
    assert 'stopped by' not in outputs[1]
    assert 'Traceback' not in ''.join(outputs)
    assert run(**changes)[0] == [0, 0]
    assert same_weights(tmp_path / 'run', whole / 'run')


def test_a_rank_that_raises_says_so_and_the_other_adds_one_line(run):
    statuses, outputs = run('1 before_train_iter 1 raise')
    assert statuses == [1, 1]
    assert outputs[1].rstrip().endswith('ZeroDivisionError: trouble of its own')
    assert outputs[1].count('Traceback') == 1
    assert 'Traceback' not in outputs[0]
    assert re.fullmatch(GONE, outputs[0].splitlines()[-1])


@pytest.mark.parametrize(('what', 'status'), [('SIGKILL', -signal.SIGKILL), ('exit', 7), ('refuse', 1)])
def test_a_rank_that_dies_takes_the_other_along(run, what, status):
    statuses, outputs = run(f'0 after_train_iter 1 {what}')
    assert statuses == [status, 1]
    assert 'Traceback' not in ''.join(outputs)
    assert re.fullmatch(GONE, outputs[1].splitlines()[-1])
    assert (what == 'refuse') == outputs[0].rstrip().endswith('error: 0001.png: unreadable')


def signalled_in_the_report(runner):
    strike('SIGTERM')


def test_a_signal_outside_steps_stops_ranks_at_once(run):
    statuses, outputs = run(report=signalled_in_the_report)
    assert statuses == [75, 75]
    assert all('stopped by SIGTERM; what was saved is intact' in output for output in outputs)


def signalled_after_a_failure(runner):
    """Rank 1 makes a mistake, for which a launcher ends rank 0."""
    from mmengine.dist import get_rank

    from fdkd.engine.rank_failure import another_failed

    if get_rank() == 1:
        strike('refuse')
    while not another_failed():
        pass
    strike('SIGTERM')


def test_a_signal_that_follows_a_failure_is_none_to_requeue_for(run):
    statuses, outputs = run(report=signalled_after_a_failure)
    assert statuses == [1, 1]
    assert outputs[0].rstrip().endswith('error: another rank has failed, whose own message says why')


def dist_train(config, folder, what, **variables):
    """Runs ``tools/dist_train.sh`` on two processes."""
    environment = {**pythonpath(), 'OMP_NUM_THREADS': '1', 'PORT': str(free_port()), 'STRIKE': what, **variables}
    environment['PATH'] = f'{Path(sys.executable).parent}{os.pathsep}{environment["PATH"]}'
    command = ['tools/dist_train.sh', config, '2', '--epochs', '2', '--batch-size', '2', '--work-dir', folder]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


def test_torchrun_shows_the_traceback_of_the_rank_that_died_first(config, tmp_path):
    ended = dist_train(config, tmp_path, '1 before_train_iter 1 raise')
    assert ended.returncode == 1
    first = ended.stderr.index('Traceback (most recent call last)')
    assert ended.stderr.index('ZeroDivisionError: trouble of its own') > first
    secondary = re.search(GONE, ended.stderr)
    assert secondary is None or secondary.start() > first
    summary = ended.stderr[ended.stderr.index('Root Cause') :]
    assert 'rank      : 1' in summary
    assert 'ZeroDivisionError: trouble of its own' in summary


def test_torchrun_restarts_what_died_and_stops_at_a_signal(run, config, whole, tmp_path):
    if not (whole / 'run').exists():
        assert run(folder=whole)[0] == [0, 0]
    ended = dist_train(
        config, tmp_path / 'run', '1 after_train_iter 4 SIGKILL;0 after_train_iter 0 parent SIGTERM', MAX_RESTARTS='1'
    )
    assert ended.returncode == 75, ended.stderr
    assert re.search(r'stopped by SIGTERM at iteration [56] of 6', ended.stderr)
    assert run()[0] == [0, 0]
    assert same_weights(tmp_path / 'run', whole / 'run')
