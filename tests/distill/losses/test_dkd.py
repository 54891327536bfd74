"""DKD against NumPy, its split of the divergence, and the inputs that break naive code."""

import math

import numpy as np
import pytest
import torch

from fdkd.distill.losses.dkd import DKDLoss, decoupled_kl, dkd_loss, non_target_kl, target_kl
from fdkd.distill.losses.logit_kd import logit_kd_loss, softened_kl
from fdkd.registry import DISTILL_LOSSES


def pair(*shape, scale=3.0):
    generator = torch.Generator().manual_seed(0)
    return [scale * torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2)]


def labels(*shape, classes):
    return torch.randint(classes, shape, generator=torch.Generator().manual_seed(1))


def log_softmax(x):
    return x - x.max() - np.log(np.sum(np.exp(x - x.max())))


def kl(s, t):
    """From logits; 0 log 0 = 0."""
    s, t = log_softmax(s), log_softmax(t)
    return sum(np.exp(b) * (b - a) for a, b in zip(s, t, strict=True) if np.exp(b) > 0)


def reference(student, teacher, target, tau):
    """Target and non-target part, row by row; the rest has the logit log(sum of the others' exponentials)."""

    def binary(x, y):
        others = np.delete(x, y)
        return np.array([x[y], others.max() + np.log(np.sum(np.exp(others - others.max())))])

    rows = list(zip(student / tau, teacher / tau, target, strict=True))
    first = np.mean([kl(binary(s, y), binary(t, y)) for s, t, y in rows])
    second = np.mean([kl(np.delete(s, y), np.delete(t, y)) for s, t, y in rows])
    return tau**2 * first, tau**2 * second


def flatten(maps):
    return [x.movedim(1, -1).flatten(0, -2) for x in maps]


def total(*args, **kwargs):
    return sum(dkd_loss(*args, **kwargs).values())


def gradient(loss, student):
    return torch.autograd.grad(loss, student)[0]


def test_by_hand():
    student, teacher = torch.tensor([[0.5, 0.4, 0.1]]).log(), torch.tensor([[0.6, 0.1, 0.3]]).log()
    losses = dkd_loss(student, teacher, torch.tensor([0]), alpha=2.0, beta=3.0, tau=1.0)
    first = 0.6 * math.log(0.6 / 0.5) + 0.4 * math.log(0.4 / 0.5)
    second = 0.25 * math.log(0.25 / 0.8) + 0.75 * math.log(0.75 / 0.2)
    assert losses['loss_target'].item() == pytest.approx(2 * first, rel=1e-5)
    assert losses['loss_non_target'].item() == pytest.approx(3 * second, rel=1e-5)
    assert dkd_loss(4 * student, 4 * teacher, torch.tensor([0]), beta=3.0)['loss_non_target'].item() == pytest.approx(
        16 * 3 * second, rel=1e-5
    )


@pytest.mark.parametrize('same_label', [False, True])
@pytest.mark.parametrize(('tau', 'scale'), [(1.0, 0.0), (1.0, 3.0), (4.0, 3.0), (1.0, 1e4), (4.0, 1e4)])
def test_equals_numpy(tau, scale, same_label):
    student, teacher = pair(16, 7, scale=scale)
    target = torch.full((16,), 3) if same_label else labels(16, classes=7)
    for other in (teacher, torch.ones_like(teacher)):
        losses = dkd_loss(student, other, target, alpha=2.0, beta=0.5, tau=tau)
        first, second = reference(student.numpy(), other.numpy(), target.numpy(), tau)
        assert losses['loss_target'].item() == pytest.approx(2 * first, rel=1e-12, abs=1e-12)
        assert losses['loss_non_target'].item() == pytest.approx(0.5 * second, rel=1e-12, abs=1e-12)


def test_module_equals_function():
    student, teacher = pair(6, 4)
    target = labels(6, classes=4)
    built = DISTILL_LOSSES.build(dict(type='DKDLoss', alpha=2.0, beta=3.0, tau=1.0))
    assert isinstance(built, DKDLoss)
    assert built(student, teacher, target) == dkd_loss(student, teacher, target, alpha=2.0, beta=3.0, tau=1.0)
    assert DKDLoss()(student, teacher, target) == dkd_loss(student, teacher, target, alpha=1.0, beta=8.0, tau=4.0)


@pytest.mark.parametrize('shape', [(4, 5), (4, 2), (2, 3, 2, 2)])
def test_gradient(shape):
    student, teacher = pair(*shape)
    target = labels(shape[0], *shape[2:], classes=shape[1])
    target[0] = 255 if len(shape) == 4 else -1
    loss = lambda s: total(s, teacher, target, tau=2.0)  # noqa: E731
    assert torch.autograd.gradcheck(loss, student.requires_grad_())


@pytest.mark.parametrize('shape', [(9, 5), (9, 2), (2, 4, 3, 3)])
@pytest.mark.parametrize('tau', [1.0, 4.0])
def test_the_parts_make_up_logit_distillation_at_each_position(shape, tau):
    student, teacher = pair(*shape)
    target = labels(shape[0], *shape[2:], classes=shape[1])
    first, second = decoupled_kl(student, teacher, target, tau)
    beta = 1 - (teacher / tau).softmax(1).gather(1, target.unsqueeze(1)).squeeze(1)
    expected = softened_kl(student, teacher, tau)
    torch.testing.assert_close(first + beta * second, expected, rtol=1e-12, atol=1e-13)
    assert (tau**2 * (first + beta * second).mean()).item() == pytest.approx(
        logit_kd_loss(student, teacher, tau=tau).item(), rel=1e-12
    )


def test_each_part_alone_is_the_same():
    student, teacher = pair(2, 5, 3, 4)
    target = labels(2, 3, 4, classes=5)
    first, second = decoupled_kl(student, teacher, target, 2.0)
    assert first.shape == second.shape == (2, 3, 4)
    assert target_kl(student, teacher, target, 2.0).equal(first)
    assert non_target_kl(student, teacher, target, 2.0).equal(second)


def test_each_part_sees_only_its_own():
    student, teacher = pair(8, 5)
    target = labels(8, classes=5)
    index = target.unsqueeze(1)
    raised = student.scatter(1, index, student.gather(1, index) + 2)
    first, second = dkd_loss(student, teacher, target).values()
    of_raised = dkd_loss(raised, teacher, target)
    assert of_raised['loss_non_target'].item() == pytest.approx(second.item(), rel=1e-12)
    assert abs(of_raised['loss_target'].item() - first.item()) > 0.1


def test_equal_predictions_cost_nothing():
    student, _ = pair(8, 5)
    target = labels(8, classes=5)
    assert [x.item() for x in dkd_loss(student, student.clone(), target).values()] == [0, 0]
    student.requires_grad_()
    shifted = student.detach() + torch.arange(8.0)[:, None]
    loss = total(student, shifted, target)
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert gradient(loss, student).abs().max() < 1e-12


def test_void_pixels_do_not_count():
    maps = pair(2, 5, 3, 4)
    target = labels(2, 3, 4, classes=5)
    target[0, 1:], target[1, :, 2] = 255, 255
    valid = (target != 255).flatten()
    kept = dkd_loss(*(x[valid] for x in flatten(maps)), target.flatten()[valid])
    maps[0].requires_grad_()
    losses = dkd_loss(*maps, target)
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(kept[name].item(), rel=1e-12)
    assert (gradient(sum(losses.values()), maps[0]).abs().sum(1) > 0).equal(target != 255)


def test_samples_without_a_label_do_not_count():
    student, teacher = pair(4, 3)
    losses = dkd_loss(student, teacher, torch.tensor([0, -1, 2, -1]))
    kept = dkd_loss(student[::2], teacher[::2], torch.tensor([0, 2]))
    assert [x.item() for x in losses.values()] == pytest.approx([x.item() for x in kept.values()], rel=1e-12)
    assert [x.item() for x in dkd_loss(student, teacher, torch.full((4,), -1)).values()] == [0, 0]


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_in_float32(dtype):
    student, teacher = (x.to(dtype) for x in pair(8, 64))
    target = labels(8, classes=64)
    expected = total(student.float(), teacher.float(), target)
    with torch.autocast('cpu', torch.bfloat16):
        loss = total(student.requires_grad_(), teacher, target)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert gradient(loss, student).isfinite().all()


@pytest.mark.parametrize('classes', [2, 5])
@pytest.mark.parametrize('sure', [-1e4, -200.0, 0.0, 200.0, 1e4])
@pytest.mark.parametrize('sure_of_student', [-1e4, 0.0, 200.0, 1e4])
def test_targets_that_are_certain_or_impossible(classes, sure, sure_of_student):
    student, teacher = (x.float() for x in pair(6, classes, scale=1.0))
    target = labels(6, classes=classes)
    for logits, margin in ((student, sure_of_student), (teacher, sure)):
        logits.scatter_(1, target.unsqueeze(1), margin)
    exact = reference(student.double().numpy(), teacher.double().numpy(), target.numpy(), 1.0)
    losses = dkd_loss(student.requires_grad_(), teacher, target, beta=1.0, tau=1.0)
    assert losses['loss_target'].item() == pytest.approx(exact[0], rel=1e-5, abs=1e-6)
    assert losses['loss_non_target'].item() == pytest.approx(exact[1], rel=1e-5, abs=1e-6)
    assert gradient(sum(losses.values()), student).isfinite().all()


def test_two_classes_have_nothing_but_the_target():
    student, teacher = pair(6, 2)
    target = labels(6, classes=2)
    student.requires_grad_()
    losses = dkd_loss(student, teacher, target)
    assert losses['loss_target'].item() == pytest.approx(logit_kd_loss(student, teacher).item(), rel=1e-12)
    assert losses['loss_non_target'].item() == 0
    assert not gradient(losses['loss_non_target'], student).any()


@pytest.mark.parametrize(
    ('student', 'teacher', 'target', 'message'),
    [
        ((4, 6), (4, 5), (4,), r'\(4, 6\).*\(4, 5\)'),
        ((4, 6, 3), (4, 6, 3), (4, 3), r'\(4, 6, 3\): expected'),
        ((4, 1), (4, 1), (4,), r'\(4, 1\): a single class'),
        ((4, 6), (4, 6), (5,), r'labels \(5,\).*\(4, 6\)'),
        ((4, 6), (4, 6), None, 'it needs labels'),
    ],
)
def test_what_cannot_be_compared_is_named(student, teacher, target, message):
    target = None if target is None else torch.zeros(target, dtype=torch.long)
    with pytest.raises(ValueError, match=message):
        dkd_loss(torch.zeros(student), torch.zeros(teacher), target)
