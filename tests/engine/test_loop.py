"""The loop over epochs: continuing within one, and which epochs are validated."""

from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

from fdkd.datasets.sampler import EpochSampler
from fdkd.engine.loop import EpochLoop
from fdkd.errors import ConfigError


class Runner:
    """As much of a runner as the loop touches."""

    def __init__(self):
        self.seen, self.validated = [], []
        self.visualizer = SimpleNamespace()
        self.model = SimpleNamespace(train=lambda: None, train_step=lambda data, optim_wrapper: self.seen.append(data))
        self.optim_wrapper = None
        self.started = []
        self.algorithm = SimpleNamespace(start_epoch=self.started.append)

    def call_hook(self, name, **_):
        if name == 'before_train_epoch':
            self.loop.dataloader.sampler.set_epoch(self.loop.epoch)

    @property
    def val_loop(self):
        return SimpleNamespace(run=lambda: self.validated.append(self.loop.epoch))


def loop_of(epochs, **settings):
    class Keys(torch.utils.data.Dataset):
        metainfo = {}  # noqa: RUF012

        def __len__(self):
            return 7

        def __getitem__(self, key):
            return key

    dataset = Keys()
    loader = DataLoader(dataset, 2, sampler=EpochSampler(dataset, seed=3), drop_last=True, collate_fn=list)
    runner = Runner()
    runner.loop = EpochLoop(runner, loader, max_epochs=epochs, **settings)
    return runner


@pytest.mark.parametrize('done', [0, 1, 3, 4, 8])
def test_continuing_sees_what_an_uninterrupted_run_sees(done):
    whole = loop_of(3)
    whole.loop.run()
    assert len(whole.seen) == 9
    rest = loop_of(3)
    rest.loop._iter, rest.loop._epoch = done, done // 3
    rest.loop.run()
    assert rest.seen == whole.seen[done:]
    assert rest.loop.iter == 9
    assert rest.started == [0, 1, 2][done // 3 :]


def test_the_last_epoch_is_left_to_the_report():
    runner = loop_of(6, val_interval=2)
    runner.loop.run()
    assert runner.validated == [2, 4]


def test_too_few_samples_for_one_batch_are_an_error():
    runner = loop_of(1)
    with pytest.raises(ConfigError, match='7 training samples do not fill one batch of 8'):
        EpochLoop(runner, DataLoader(runner.loop.dataloader.dataset, 8, drop_last=True), max_epochs=1)
