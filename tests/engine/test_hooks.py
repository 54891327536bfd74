"""Stopping at a loss that is not finite."""

from types import SimpleNamespace

import pytest
import torch

from fdkd.engine.hooks import StopOnNonFiniteLoss
from fdkd.errors import NonFiniteLossError

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
