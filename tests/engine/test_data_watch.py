"""What a training says about its data."""

import logging
from types import SimpleNamespace

import pytest
from mmengine.logging import HistoryBuffer

from fdkd.engine.data_watch import DataWatch


def loader(notice):
    return SimpleNamespace(dataset=SimpleNamespace(notices=[notice]))


@pytest.fixture
def runner(caplog):
    logger = logging.getLogger('data-watch')
    caplog.set_level(logging.INFO, logger=logger.name)
    scalars = {
        'train/data_time': HistoryBuffer([9.0, 0.1, 0.3], [1, 1, 1]),
        'train/time': HistoryBuffer([9.0, 1.0, 3.0], [1, 1, 1]),
    }
    return SimpleNamespace(
        logger=logger,
        epoch=1,
        algorithm=SimpleNamespace(modalities=('audio', 'visual')),
        message_hub=SimpleNamespace(log_scalars=scalars),
        train_dataloader=loader('10 clips are missing'),
        val_loop=SimpleNamespace(dataloader=loader('2 clips are missing')),
    )


def batch(*present):
    return {'data_samples': [SimpleNamespace(metainfo={'present': names}) for names in present]}


def test_notices_are_said_at_the_start(runner, caplog):
    DataWatch().before_train(runner)
    assert caplog.messages == ['10 clips are missing', '2 clips are missing']


def test_gaps_and_waiting_are_those_of_the_epoch(runner, caplog):
    watch = DataWatch()
    for _ in range(2):  # the counts of one epoch do not stay for the next
        caplog.clear()
        watch.before_train_epoch(runner)
        watch.after_train_iter(runner, 0, batch(('audio', 'visual', 'label'), ('audio', 'label')))
        watch.after_train_iter(runner, 1, batch(('audio', 'visual'), ('audio', 'label')))
        watch.after_train_epoch(runner)
    assert caplog.messages == [
        'epoch 2: 2 of 4 samples had no visual',
        'epoch 2: 1 of 4 samples had no label',
        'epoch 2: 10.0 % of the time was spent waiting for data',  # (0.1 + 0.3) / (1 + 3): the last two iterations
    ]


def test_nothing_is_said_of_gaps_that_are_not_there(runner, caplog):
    watch = DataWatch()
    watch.before_train_epoch(runner)
    watch.after_train_iter(runner, 0, batch(('audio', 'visual', 'label')))
    watch.after_train_epoch(runner)
    assert len(caplog.messages) == 1
