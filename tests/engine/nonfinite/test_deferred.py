"""Looking without making a GPU's host wait."""

import math

import pytest
import torch

from fdkd.engine.nonfinite.saved import read
from fdkd.errors import NonFiniteLossError
from tests.support.small_training import Training
from tests.support.waits import Waits


def test_steps_are_looked_at_when_the_log_is_written_in_one_transfer(on_gpu, tmp_path):
    training = Training(tmp_path, clip_grad={'max_norm': 1.0})
    with Waits() as waits:
        for _ in range(3):
            training.step(1.0)
        assert waits.names == []
        training.step(1.0)
        assert waits.names == ['tolist']
    training.step(1.0)
    training.step(-1.0)
    training.step(1.0)
    with pytest.raises(
        NonFiniteLossError,
        match=r'not finite at iteration 6 \(epoch 1\): loss nan, loss_root nan.*samples: 5a\.',
    ) as error:
        training.step(1.0)
    (path,) = (tmp_path / 'nonfinite').iterdir()
    assert f'It is noted in {path}.' in str(error.value)
    assert '--resume --cfg-options look_at_every_step=True' in str(error.value)
    kept = read(path)
    assert kept['step'] is None
    assert (kept['finding'].iteration, kept['finding'].ids, kept['finding'].indices) == (6, ['5a'], [0])
    assert math.isnan(kept['finding'].losses['loss_root'])


def test_gradients_wait_too_and_are_named_as_they_were(on_gpu, tmp_path):
    training = Training(tmp_path)
    training.step(1.0)
    training.step(0.0)  # from here on the weight is not finite, and so is everything
    training.step(1.0)
    with pytest.raises(NonFiniteLossError, match=r'of 1 of 3 .*iteration 2 .*\(layer\.weight\): loss \d.*: 1a\.'):
        training.step(1.0)


@pytest.mark.parametrize('moment', ['after_train_epoch', 'before_val', 'before_saving'])
def test_steps_are_looked_at_before_anything_is_made_of_them(on_gpu, tmp_path, moment):
    training = Training(tmp_path)
    training.step(1.0)
    getattr(training.hooks[-1], moment)(training.runner)
    training.step(-1.0)
    with pytest.raises(NonFiniteLossError, match=r'iteration 2 .*samples: 1a'):
        getattr(training.hooks[-1], moment)(training.runner)
    getattr(training.hooks[-1], moment)(training.runner)  # said once


def test_without_a_log_the_end_of_the_epoch_is_early_enough(on_gpu, tmp_path):
    training = Training(tmp_path)
    training.hooks[-1]._looks.interval = 0
    for _ in range(5):
        training.step(-1.0)
    with pytest.raises(NonFiniteLossError, match='iteration 1 '):
        training.hooks[-1].after_train_epoch(training.runner)


def test_the_history_and_the_weights_are_those_without_the_hook(on_gpu, tmp_path):
    seen = []
    for hook in (True, False):
        training = Training(tmp_path, hook=hook)
        for value in range(1, 7):
            training.step(value)
        scalars = training.runner.message_hub.log_scalars
        seen.append((training.model.state_dict(), {name: buffer.data[0].tolist() for name, buffer in scalars.items()}))
    (weights, history), (plain, expected) = seen
    assert history == expected
    assert all(torch.equal(x, plain[name]) for name, x in weights.items())


def test_a_config_can_ask_for_looks_at_every_step(on_gpu, tmp_path):
    training = Training(tmp_path, cfg={'look_at_every_step': True})
    training.step(1.0)
    with pytest.raises(NonFiniteLossError, match='iteration 2 '):
        training.step(-1.0)
    (path,) = (tmp_path / 'nonfinite').iterdir()
    assert read(path)['step'] is not None
