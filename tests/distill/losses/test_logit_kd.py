"""Logit distillation against NumPy, its limits, and the inputs that break naive code."""

import math

import numpy as np
import pytest
import torch

from fdkd.distill.losses.logit_kd import LogitKDLoss, logit_kd_loss, softened_kl
from fdkd.registry import DISTILL_LOSSES


def pair(*shape, scale=3.0):
    generator = torch.Generator().manual_seed(0)
    return [scale * torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2)]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def reference(student, teacher, tau):
    """Entropies from probabilities, row by row; 0 log 0 = 0 and log 0 from the logits."""
    total = 0.0
    for s, t in zip(student / tau, teacher / tau, strict=True):
        p = softmax(t)
        cross = -np.sum(p * (s - s.max() - np.log(np.sum(np.exp(s - s.max())))))
        total += cross + np.sum([x * math.log(x) for x in p if x > 0])
    return tau**2 * total / len(student)


def flatten(maps):
    return [x.movedim(1, -1).flatten(0, -2) for x in maps]


def gradient(loss, student):
    return torch.autograd.grad(loss(student), student)[0]


def test_by_hand():
    student, teacher = torch.zeros(1, 2), torch.tensor([[0.0, math.log(3)]])
    expected = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    assert logit_kd_loss(student, teacher, tau=1.0).item() == pytest.approx(expected, rel=1e-6)
    assert logit_kd_loss(student, 2 * teacher, tau=2.0).item() == pytest.approx(4 * expected, rel=1e-6)


@pytest.mark.parametrize('tau', [1.0, 4.0])
@pytest.mark.parametrize('scale', [0.0, 3.0, 1e4])
def test_equals_numpy(scale, tau):
    student, teacher = pair(16, 7, scale=scale)
    expected = reference(student.numpy(), teacher.numpy(), tau)
    assert logit_kd_loss(student, teacher, tau=tau).item() == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert logit_kd_loss(student, torch.ones_like(student), tau=tau).item() == pytest.approx(
        reference(student.numpy(), np.ones((16, 7)), tau), rel=1e-12, abs=1e-12
    )


def test_module_equals_function():
    student, teacher = pair(4, 3)
    built = DISTILL_LOSSES.build(dict(type='LogitKDLoss', tau=2.0))
    assert isinstance(built, LogitKDLoss)
    assert built(student, teacher).equal(logit_kd_loss(student, teacher, tau=2.0))
    assert LogitKDLoss()(student, teacher).equal(logit_kd_loss(student, teacher, tau=4.0))


def test_gradient():
    student, teacher = pair(3, 4)
    assert torch.autograd.gradcheck(lambda s: logit_kd_loss(s, teacher), student.requires_grad_())


def test_hot_limit_is_the_squared_difference_of_centred_logits():
    student, teacher = pair(5, 6)  # Hinton et al., Section 2.1
    difference = (student - student.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))
    expected = difference.square().sum(1).mean() / (2 * 6)
    assert logit_kd_loss(student, teacher, tau=1e4).item() == pytest.approx(expected.item(), rel=1e-3)


def test_tau_squared_keeps_the_size_of_the_gradient():
    student, teacher = pair(5, 6, scale=1.0)
    student.requires_grad_()
    cool, hot = (gradient(lambda s, t=t: logit_kd_loss(s, teacher, tau=t), student).norm() for t in (20.0, 40.0))
    assert cool.item() == pytest.approx(hot.item(), rel=0.05)


def test_equal_predictions_cost_nothing():
    student, _ = pair(8, 5)
    shifted = student + torch.arange(8.0)[:, None]
    assert logit_kd_loss(student, student.clone()).item() == 0
    assert logit_kd_loss(student, shifted).item() == pytest.approx(0, abs=1e-12)
    assert gradient(lambda s: logit_kd_loss(s, shifted), student.requires_grad_()).abs().max() < 1e-12


def test_void_pixels_do_not_count():
    maps = pair(2, 5, 3, 4)
    target = torch.arange(24).view(2, 3, 4) % 5
    target[0, 1:], target[1, :, 2] = 255, 255
    valid = (target != 255).flatten()
    kept = logit_kd_loss(*(x[valid] for x in flatten(maps)))
    assert logit_kd_loss(*maps, target).item() == pytest.approx(kept.item(), rel=1e-12)
    assert logit_kd_loss(*maps).item() == pytest.approx(logit_kd_loss(*flatten(maps)).item(), rel=1e-12)
    grad = gradient(lambda s: logit_kd_loss(s, maps[1], target), maps[0].requires_grad_())
    assert (grad.abs().sum(1) > 0).equal(target != 255)


def test_all_void_is_zero():
    student, teacher = pair(1, 3, 2, 2)
    target = torch.full((1, 2, 2), 255)
    assert logit_kd_loss(student, teacher, target).item() == 0
    assert not gradient(lambda s: logit_kd_loss(s, teacher, target), student.requires_grad_()).any()


def test_labels_of_samples_change_nothing():
    student, teacher = pair(4, 3)
    for target in (torch.zeros(4, dtype=torch.long), torch.tensor([0, -1, 2, -1])):
        assert logit_kd_loss(student, teacher, target).equal(logit_kd_loss(student, teacher))


def test_values_per_position():
    maps = pair(2, 5, 3, 4)
    values = softened_kl(*maps, tau=2.0)
    assert values.shape == (2, 3, 4)
    assert 4 * values[1, 2, 3].item() == pytest.approx(logit_kd_loss(*(x[1:, :, 2, 3] for x in maps), tau=2.0).item())
    assert softened_kl(*maps, tau=2.0, dim=2).shape == (2, 5, 4)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_in_float32(dtype):
    student, teacher = (x.to(dtype).requires_grad_(not i) for i, x in enumerate(pair(8, 64)))
    expected = logit_kd_loss(student.float(), teacher.float())
    with torch.autocast('cpu', torch.bfloat16):
        loss = logit_kd_loss(student, teacher)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert torch.autograd.grad(loss, student)[0].isfinite().all()


@pytest.mark.parametrize('fill', [0.0, 1e4, -1e4])
@pytest.mark.parametrize('shape', [(1, 2), (4, 3), (2, 3, 2, 2)])
def test_constant_predictions_stay_finite(shape, fill):
    student, teacher = torch.full(shape, fill, requires_grad=True), torch.zeros(shape)
    teacher[:, 0] = 1e4
    loss = logit_kd_loss(student, teacher, tau=1.0)
    assert loss.item() == pytest.approx(math.log(shape[1]), rel=1e-6)
    assert torch.autograd.grad(loss, student)[0].isfinite().all()


@pytest.mark.parametrize(
    ('student', 'teacher', 'target', 'message'),
    [
        ((4, 6), (4, 5), None, r'\(4, 6\).*\(4, 5\)'),
        ((4, 6, 3), (4, 6, 3), None, r'\(4, 6, 3\): expected'),
        ((4, 1), (4, 1), None, r'\(4, 1\): a single class'),
        ((4, 6), (4, 6), (5,), r'labels \(5,\).*\(4, 6\)'),
    ],
)
def test_what_cannot_be_compared_is_named(student, teacher, target, message):
    target = None if target is None else torch.zeros(target, dtype=torch.long)
    with pytest.raises(ValueError, match=message):
        logit_kd_loss(torch.zeros(student), torch.zeros(teacher), target)
