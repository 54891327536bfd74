"""What a training says about its data."""

import logging
from types import SimpleNamespace

import pytest
from mmengine.hooks import CheckpointHook, IterTimerHook, LoggerHook
from mmengine.hooks.hook import Hook
from mmengine.runner.priority import get_priority

from fdkd.datasets.class_sample import ClassSample
from fdkd.engine.data_watch import DataWatch


def loader(notice):
    return SimpleNamespace(dataset=SimpleNamespace(notices=[notice]))


@pytest.fixture
def runner(caplog):
    logger = logging.getLogger('data-watch')
    caplog.set_level(logging.INFO, logger=logger.name)
    return SimpleNamespace(
        logger=logger,
        epoch=1,
        algorithm=SimpleNamespace(modalities=('audio', 'visual')),
        train_dataloader=loader('10 clips are missing'),
        val_loop=SimpleNamespace(dataloader=loader('2 clips are missing')),
    )


def batch(*present):
    return {'data_samples': [ClassSample(metainfo={'present': names} if names else {}) for names in present]}


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless its ``passes`` is called."""
    now = [100.0]
    monkeypatch.setattr('fdkd.engine.data_watch.time', SimpleNamespace(perf_counter=lambda: now[0]))
    return SimpleNamespace(passes=lambda seconds: now.__setitem__(0, now[0] + seconds))


def iteration(watch, runner, clock, waits, works, data):
    clock.passes(waits)
    watch.before_train_iter(runner, 0, data)
    clock.passes(works)
    watch.after_train_iter(runner, 0, data)


def test_notices_are_said_at_the_start(runner, caplog):
    DataWatch().before_train(runner)
    assert caplog.messages == ['10 clips are missing', '2 clips are missing']


def test_gaps_and_waiting_are_those_of_the_epoch(runner, caplog, clock):
    watch = DataWatch()
    for _ in range(2):  # the counts of one epoch do not stay for the next
        caplog.clear()
        watch.before_train_epoch(runner)
        iteration(watch, runner, clock, 0.1, 0.9, batch(('audio', 'visual', 'label'), ('audio', 'label')))
        iteration(watch, runner, clock, 0.3, 2.7, batch(('audio', 'visual'), ('audio', 'label')))
        clock.passes(50)  # what other hooks do after the epoch, and the validation
        watch.after_train_epoch(runner)
    assert caplog.messages == [
        'epoch 2: 2 of 4 samples had no visual',
        'epoch 2: 1 of 4 samples had no label',
        'epoch 2: 10.0 % of the time was spent waiting for data',  # (0.1 + 0.3) / (1 + 3)
    ]


def test_nothing_is_said_of_gaps_that_are_not_there(runner, caplog, clock):
    watch = DataWatch()
    watch.before_train_epoch(runner)
    unspoken = ()  # a sample that does not say what it has
    iteration(watch, runner, clock, 1, 1, batch(('audio', 'visual', 'label'), unspoken))
    watch.after_train_epoch(runner)
    assert caplog.messages == ['epoch 2: 50.0 % of the time was spent waiting for data']


def test_an_epoch_without_iterations_says_nothing(runner, caplog):
    watch = DataWatch()
    watch.before_train_epoch(runner)
    watch.after_train_epoch(runner)
    assert not caplog.messages


def test_it_is_the_last_hook_so_that_logging_is_no_waiting():
    for other in (CheckpointHook, IterTimerHook, LoggerHook, Hook):
        assert get_priority(DataWatch.priority) > get_priority(other.priority)
