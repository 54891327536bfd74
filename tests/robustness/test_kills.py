"""Runs that are killed, again and again and at any moment, and end as if nothing had happened."""

import gc
import os
import random
import shutil
import signal
import time

import pytest
import torch

import fdkd.algorithms
import fdkd.datasets.transforms
import fdkd.distill.connectors
import fdkd.distill.losses
import fdkd.engine
import fdkd.evaluation
import fdkd.models  # noqa: F401  (so that no fork has to import anything)
from fdkd.apis.options import RunOptions
from tests.robustness.bad import tiny  # noqa: F401  (registers TinyNet)
from tests.robustness.kills.runs import Plan, assert_bounded, assert_same, killed_after, left_behind, write_runs

BY_ITERATION = {'default_hooks.checkpoint.by_epoch': False}
AVERAGED = {'custom_hooks': [dict(type='EMAHook', momentum=0.1), dict(type='DataWatch')]}
#: The targeted kills, in the order in which the run comes to them: which moment by name, and the how-manieth of these.
TARGETS = {
    'a step of the teacher': ('before step', 2),
    "the teacher's checkpoint": ('half of epoch_', 0),
    "before the teacher's checkpoint has its name": ('before rename epoch_', 0),
    "between the teacher's student.pth and its checkpoint": ('after rename student.pth', 0),
    "the teacher's report": ('before rename results.json', 0),
    'the cache of samples': ('before rename .bin', 1),
    "a row of the teacher's tensors": ('before teacher row', 1),
    'before the first checkpoint has its name': ('before rename iter_1.pth', 0),
    'between batches of a step': ('before backward', 2),
    'student.pth': ('half of student', 1),
    'between student.pth and the checkpoint': ('after rename student.pth', 0),
    'the checkpoint': ('half of iter_', 1),
    'before an old checkpoint is removed': ('before remove iter_', 1),
    'a validation': ('before after_val_iter', 0),
    'the end of a validation': ('before after_val$', 0),
    'the last checkpoint': ('half of iter_18', 0),
    'the report': ('before rename predictions.csv', 0),
    'the very end': ('before rename results.json', 0),
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    gc.collect()
    gc.freeze()  # what is frozen is not copied in each fork
    yield tmp_path_factory.mktemp('kills')
    gc.unfreeze()


@pytest.fixture(scope='module')
def config(folder):
    return write_runs(folder)


def whole(plan, folder):
    """An uninterrupted run: what it leaves, and the moments that it passes."""
    folder.mkdir()
    assert not plan.run(folder, journal='journal')
    return left_behind(folder), (folder / 'journal').read_text().splitlines()


@pytest.fixture(scope='module')
def stepwise(config, folder):
    """A checkpoint after each batch, four batches a step, both caches, and a teacher that is trained first."""
    options = RunOptions(
        epochs=3, batch_size=2, workers=0, accumulate=4, cache='disk', cache_teacher='cache', cfg_options=BY_ITERATION
    )
    plan = Plan(config, options)
    return plan, *whole(plan, folder / 'stepwise')


@pytest.fixture(scope='module')
def teacher(stepwise, folder):
    return str(next((folder / 'stepwise').glob('work_dirs/*/imu-*/student.pth')))


@pytest.fixture(scope='module')
def epochwise(config, folder, teacher):
    """A checkpoint after each epoch, and a moving average of the weights."""
    options = RunOptions(epochs=4, batch_size=4, workers=0, seed=1, cfg_options=AVERAGED)
    plan = Plan(config, options, teacher)
    return plan, *whole(plan, folder / 'epochwise')


def test_kills_at_chosen_moments(stepwise, tmp_path):
    plan, expected, _ = stepwise
    for name, (like, at) in TARGETS.items():
        assert plan.run(tmp_path, like=like, at=at), name
        assert_bounded(tmp_path, more=1)  # a new one, before an old one is removed
    assert not plan.run(tmp_path)
    assert_same(left_behind(tmp_path), expected)
    assert_bounded(tmp_path)


@pytest.mark.parametrize('seed', range(3))
def test_kills_at_random_moments(stepwise, epochwise, tmp_path, seed):
    plan, expected, moments = epochwise if seed == 2 else stepwise
    generator, kills = random.Random(seed), 0
    while kills < 8:
        assert plan.run(tmp_path, at=generator.randrange(len(moments) // 5)), f'only {kills} kills'
        kills += 1
    assert not plan.run(tmp_path)
    assert_same(left_behind(tmp_path), expected)
    assert_bounded(tmp_path)


def test_kills_at_random_times(epochwise, tmp_path):
    """As from outside: within a computation, or a write of the system."""
    plan, expected, _ = epochwise
    started = time.monotonic()
    (tmp_path / 'whole').mkdir()
    assert not plan.run(tmp_path / 'whole')
    seconds = time.monotonic() - started
    generator = random.Random(0)
    for _ in range(4):
        killed_after(plan.start(tmp_path), generator.uniform(0.2, 0.9) * seconds)
    assert not plan.run(tmp_path)
    assert_same(left_behind(tmp_path), expected)
    assert_bounded(tmp_path)


def test_two_processes_of_which_one_or_both_are_killed(config, teacher, tmp_path):
    """Each has gradients and batch statistics of its own in the middle of a step."""
    options = RunOptions(epochs=3, batch_size=2, workers=0, accumulate=2, cfg_options=BY_ITERATION)
    plan = Plan(config, options, teacher, ranks=2)
    expected, _ = whole(plan, tmp_path / 'whole')
    (tmp_path / 'cut').mkdir()
    for dies, like, at in ((1, 'before backward', 1), (0, 'half of iter_', 1), (1, 'before before_val_iter', 0)):
        processes = [plan.start(tmp_path / 'cut', rank, like=like, at=at if rank == dies else -1) for rank in range(2)]
        processes[dies].join(60)
        assert processes[dies].exitcode == -signal.SIGKILL
        if at:  # else the other is left alone: it has to notice
            os.kill(processes[1 - dies].pid, signal.SIGKILL)
        processes[1 - dies].join(60)
        assert processes[1 - dies].exitcode not in (None, 0)
        (tmp_path / 'cut' / 'rendezvous').unlink(missing_ok=True)
    assert not plan.run(tmp_path / 'cut')
    assert_same(left_behind(tmp_path / 'cut'), expected)
    assert_bounded(tmp_path / 'cut')


def test_a_teacher_whose_file_is_damaged_is_made_good(stepwise, folder, tmp_path):
    plan, expected, _ = stepwise
    shutil.copytree(folder / 'stepwise', tmp_path / 'copy')
    [path] = (tmp_path / 'copy').glob('work_dirs/*/imu-*/student.pth')
    intact = torch.load(path)
    os.truncate(path, path.stat().st_size // 2)
    assert not plan.run(tmp_path / 'copy')
    assert_same(torch.load(path), intact)
    assert_same(left_behind(tmp_path / 'copy'), expected)
