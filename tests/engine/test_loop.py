"""The loop over epochs: continuing within one, and which epochs are validated."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn
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
        self.optim_wrapper = SimpleNamespace(initialize_count_status=lambda *_: None)
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


@pytest.mark.parametrize(('done', 'validated', 'expected'), [(3, 0, [1, 2]), (3, 1, [2]), (4, 0, [2]), (0, 0, [1, 2])])
def test_a_resumed_run_makes_up_for_a_validation_that_may_lack(done, validated, expected):
    runner = loop_of(3)
    runner.loop._iter, runner.loop._epoch, runner.loop.validated = done, done // 3, validated
    runner.loop.run()
    assert runner.validated == expected


def test_a_checkpoint_knows_where_it_belongs():
    seen, runner = [], loop_of(2)
    call_hook = runner.call_hook

    def watch(name, **_):
        call_hook(name)
        if name == 'after_train_iter' or name == 'after_train_epoch':
            position = runner.loop.position(by_epoch=name == 'after_train_epoch')
            seen.append((position['epoch'], position['iter']))

    runner.call_hook = watch
    runner.loop.run()
    assert seen == [(0, 1), (0, 2), (0, 3), (1, 3), (1, 4), (1, 5), (1, 6), (2, 6)]
    assert runner.loop.position(by_epoch=True) == {'epoch': 2, 'iter': 6, 'validated': 0}  # as after a validation


def test_too_few_samples_for_one_batch_are_an_error():
    runner = loop_of(1)
    with pytest.raises(ConfigError, match='7 training samples do not fill one batch of 8'):
        EpochLoop(runner, DataLoader(runner.loop.dataloader.dataset, 8, drop_last=True), max_epochs=1)


class Squares(nn.Module):
    """A linear model without batch norm, which learns to give the sample's number."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1).double()
        nn.init.ones_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def train_step(self, data, optim_wrapper):
        x = torch.tensor(data, dtype=torch.float64)[:, None]
        with optim_wrapper.optim_context(self):
            loss = (self.layer(x / 10) - x).square().mean()
        optim_wrapper.update_params(loss)


def weights_after(epochs, batch_size, **settings):
    """Weights of :class:`Squares` after each step of the optimizer."""
    runner, model, seen = Runner(), Squares(), []
    dataset = loop_of(1).loop.dataloader.dataset
    loader = DataLoader(
        dataset, batch_size, sampler=EpochSampler(dataset, seed=3), collate_fn=lambda x: [key.index for key in x]
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer.register_step_post_hook(lambda *_: seen.append(model.layer.weight.item()))
    runner.model, runner.optim_wrapper = model, OptimWrapper(optimizer, **settings)
    runner.loop = EpochLoop(runner, loader, max_epochs=epochs)
    runner.optim_wrapper.initialize_count_status(model, 0, runner.loop.max_iters)
    runner.loop.run()
    return seen


@pytest.mark.parametrize('clip', [None, {'max_norm': 1.0}])
def test_accumulated_batches_make_the_steps_of_one_large_batch(clip):
    # 7 samples: batches of 2 give 4 an epoch, the last of one sample; two at a time, as batches of 4
    small = weights_after(2, 2, accumulative_counts=2, clip_grad=clip and dict(clip))
    large = weights_after(2, 4, clip_grad=clip and dict(clip))
    assert len(small) == len(large) == 4
    assert small[0] == pytest.approx(large[0], rel=1e-12)
    assert small[1] != pytest.approx(large[1], rel=1e-6)  # the mean of two batches' means, of 2 samples and of 1


def test_the_last_step_of_an_epoch_takes_what_is_left():
    # batches of 1: 7 an epoch, in steps of 3, 3 and 1, each the mean of its samples
    three, whole = weights_after(2, 1, accumulative_counts=3), weights_after(2, 3)
    assert len(three) == len(whole) == 6
    assert three == pytest.approx(whole, rel=1e-12)
