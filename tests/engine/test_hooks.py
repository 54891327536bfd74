"""Stopping at a loss that is not finite."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import LoggerHook
from mmengine.logging import MessageHub

from fdkd.engine.deferred import DeferredScalars
from fdkd.engine.hooks import StopOnNonFiniteLoss
from fdkd.errors import NonFiniteLossError
from tests.support.waits import Waits

BATCH = {'data_samples': [SimpleNamespace(metainfo={'sample_id': name}) for name in ('0003', '0007')]}
RUNNER = SimpleNamespace(iter=41, epoch=2)


def after(**losses):
    outputs = {name: torch.tensor(value) for name, value in losses.items()}
    StopOnNonFiniteLoss().after_train_iter(RUNNER, 0, BATCH, outputs)


def test_a_finite_loss_passes():
    after(loss=1.0, other=float('nan'))


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_iteration_parts_and_samples_are_named(value):
    with pytest.raises(
        NonFiniteLossError, match=rf'iteration 42 \(epoch 3\): loss {value}, a.loss 2; samples: 0003, 0007'
    ):
        after(loss=value, **{'a.loss': 2.0, 'accuracy': 0.5})


class OnGPU:
    """A training whose losses lie where a look at them would cost time."""

    def __init__(self, interval=4):
        hub = MessageHub(f'non-finite {id(self)}')
        self.runner = SimpleNamespace(message_hub=hub, hooks=[LoggerHook(interval=interval)], iter=0, epoch=0)
        self.scalars, self.hook = DeferredScalars(hub), StopOnNonFiniteLoss()
        self.hook.before_train(self.runner)

    def step(self, loss, **more):
        outputs = {name: torch.tensor(value) for name, value in {'loss': loss, **more}.items()}
        for name, value in outputs.items():
            self.scalars.update(f'train/{name}', value)
        index = self.runner.iter
        samples = [SimpleNamespace(metainfo={'sample_id': f'{index}{letter}'}) for letter in 'ab']
        self.hook.after_train_iter(self.runner, index, {'data_samples': samples}, outputs)
        self.runner.iter += 1


@pytest.fixture
def training(monkeypatch):
    monkeypatch.setattr('fdkd.engine.deferred.worth_deferring', lambda value: isinstance(value, torch.Tensor))
    return OnGPU()


def test_on_a_gpu_losses_are_looked_at_when_the_log_is_written(training):
    with Waits() as waits:
        for _ in range(3):
            training.step(1.0)
        assert waits.names == []
        training.step(1.0)
        assert waits.names == ['tolist']
    training.step(1.0, **{'a.loss': 1.0})
    training.step(float('nan'), **{'b.loss': float('nan'), 'accuracy': 0.5})
    training.step(float('inf'), **{'a.loss': 3.0, 'b.loss': 2.0})
    with pytest.raises(NonFiniteLossError, match=r'iteration 6 \(epoch 1\): loss nan, b.loss nan; samples: 5a, 5b\.'):
        training.step(float('nan'))


@pytest.mark.parametrize('moment', ['after_train_epoch', 'before_val', 'before_saving'])
def test_on_a_gpu_losses_are_looked_at_before_anything_is_made_of_them(training, moment):
    training.step(1.0)
    getattr(training.hook, moment)(training.runner)
    training.step(float('inf'))
    with pytest.raises(NonFiniteLossError, match=r'iteration 2 .*samples: 1a, 1b'):
        getattr(training.hook, moment)(training.runner)
    getattr(training.hook, moment)(training.runner)  # said once


def test_without_a_log_the_end_of_the_epoch_is_early_enough(monkeypatch, training):
    training.runner.hooks.clear()
    training.hook.before_train(training.runner)
    for _ in range(5):
        training.step(float('nan'))
    with pytest.raises(NonFiniteLossError, match='iteration 1 '):
        training.hook.after_train_epoch(training.runner)
