"""Looking before anything is done with a step."""

import math

import pytest
import torch

from fdkd.engine.nonfinite.saved import read
from fdkd.errors import NonFiniteLossError
from tests.support.small_training import Training

NAN = math.nan


def saved(folder):
    (path,) = (folder / 'nonfinite').iterdir()
    return path, read(path)


def test_a_loss_stops_before_its_backward_pass_and_its_step_is_kept(tmp_path):
    training = Training(tmp_path)
    training.step(1.0, 4.0)
    before = {name: x.clone() for name, x in training.model.state_dict().items()}
    torch.manual_seed(5)
    drawn = torch.rand(2, 1)
    torch.manual_seed(5)
    with pytest.raises(
        NonFiniteLossError,
        match=r'is not finite at iteration 2 \(epoch 1\): loss nan, loss_root nan, loss_other [\d.]+; samples: 1a, 1b',
    ) as error:
        training.step(1.0, -4.0)
    after = training.model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before if name != 'seen')
    assert training.model.layer.weight.grad is None
    path, kept = saved(tmp_path)
    assert str(error.value).endswith(f'To repeat the step: fdkd replay {path}')
    assert path.name == 'iter_2.pth'
    assert (kept['seed'], kept['config_hash'], kept['rank'], kept['world_size']) == (3, 'abc', 0, 1)
    assert kept['finding'].ids == ['1a', '1b']
    assert kept['finding'].indices == [0, 1]
    step = kept['step']
    assert step['inputs']['a'].tolist() == [[1.0], [-4.0]]
    assert step['state_dict'].keys() == before.keys()
    assert all(torch.equal(step['state_dict'][name], x) for name, x in before.items())  # 'seen' as before the step
    torch.set_rng_state(step['random_state']['torch'])
    assert torch.equal(torch.rand(2, 1), drawn)


def test_gradients_stop_before_the_optimizer_steps(tmp_path):
    training = Training(tmp_path, clip_grad={'max_norm': 1.0})
    weight = training.model.layer.weight.item()
    with pytest.raises(
        NonFiniteLossError, match=r'gradients of 1 of 3 parameters .* \(layer\.weight\): loss 0\.'
    ) as error:
        training.step(0.0)
    assert 'samples: 0a.' in str(error.value)
    assert training.model.layer.weight.item() == weight
    kept = saved(tmp_path)[1]
    assert kept['finding'].gradients == ['layer.weight']
    assert math.isfinite(kept['finding'].losses['loss'])


def test_a_large_gradient_is_finite(tmp_path):
    training = Training(tmp_path)
    training.model.other.weight.register_hook(lambda gradient: gradient * 0 + 1e30)
    training.step(1.0)
    assert training.model.other.weight.item() < -1e27


def test_finite_steps_are_the_same_to_the_last_bit(tmp_path):
    weights = []
    for hook in (True, False):
        training = Training(tmp_path, hook=hook, clip_grad={'max_norm': 0.1}, accumulative_counts=2, length=5)
        for value in range(1, 6):
            training.step(value, value + 0.5)
        training.call('after_train')
        weights.append(training.model.state_dict())
    assert all(torch.equal(x, weights[1][name]) for name, x in weights[0].items())


def test_accumulated_gradients_are_looked_at_one_by_one(tmp_path):
    training = Training(tmp_path, accumulative_counts=3)
    training.step(1.0)
    with pytest.raises(NonFiniteLossError, match=r'gradients .* iteration 2 .*samples: 1a'):
        training.step(0.0)


def test_a_run_keeps_one_file(tmp_path):
    for steps in (1, 2):
        training = Training(tmp_path)
        for _ in range(steps):
            training.step(1.0)
        with pytest.raises(NonFiniteLossError):
            training.step(-1.0)
        other = tmp_path / 'nonfinite' / 'iter_9_rank1.pth'
        other.touch()
    assert sorted(path.name for path in other.parent.iterdir()) == ['iter_3.pth', 'iter_9_rank1.pth']


def test_what_cannot_be_saved_does_not_hide_what_happened(tmp_path):
    (tmp_path / 'nonfinite').touch()
    with pytest.raises(
        NonFiniteLossError, match=r'loss is not finite at iteration 1 .*could not be saved: .*nonfinite'
    ):
        Training(tmp_path).step(-1.0)


def test_nothing_is_held_after_a_step_and_nothing_attached_after_training(tmp_path):
    training = Training(tmp_path)
    training.step(1.0)
    looks = training.hooks[-1]._looks
    assert looks._batch is looks._losses is looks._before is None
    training.model(inputs={'a': torch.ones(1, 1)}, data_samples=None, mode='tensor')
    assert looks._before is None
    training.call('after_train')
    training.step(-1.0)  # nobody looks
