"""Non-target distillation against NumPy, what it does not see, and the inputs that break naive code."""

import math

import numpy as np
import pytest
import torch

from fdkd.distill.losses.dkd import dkd_loss
from fdkd.distill.losses.logit_kd import logit_kd_loss
from fdkd.distill.losses.nkd import NKDLoss, nkd_loss
from fdkd.registry import DISTILL_LOSSES


def pair(*shape, scale=3.0):
    generator = torch.Generator().manual_seed(0)
    return [scale * torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2)]


def labels(*shape, classes):
    return torch.randint(classes, shape, generator=torch.Generator().manual_seed(1))


def reference(student, teacher, target, tau):
    """The divergence of rows from which the target has been cut; 0 log 0 = 0."""

    def log_softmax(x):
        return x - x.max() - np.log(np.sum(np.exp(x - x.max())))

    values = []
    for s, t, y in zip(student / tau, teacher / tau, target, strict=True):
        s, t = log_softmax(np.delete(s, y)), log_softmax(np.delete(t, y))
        values.append(sum(np.exp(b) * (b - a) for a, b in zip(s, t, strict=True) if np.exp(b) > 0))
    return tau**2 * np.mean(values)


def gradient(loss, student):
    return torch.autograd.grad(loss, student)[0]


def test_by_hand():
    student, teacher = torch.tensor([[0.5, 0.4, 0.1]]).log(), torch.tensor([[0.6, 0.1, 0.3]]).log()
    expected = 0.25 * math.log(0.25 / 0.8) + 0.75 * math.log(0.75 / 0.2)
    assert nkd_loss(student, teacher, torch.tensor([0]), tau=1.0).item() == pytest.approx(expected, rel=1e-5)
    assert nkd_loss(4 * student, 4 * teacher, torch.tensor([0])).item() == pytest.approx(16 * expected, rel=1e-5)


@pytest.mark.parametrize('same_label', [False, True])
@pytest.mark.parametrize(('tau', 'scale'), [(1.0, 0.0), (4.0, 3.0), (1.0, 1e4)])
def test_equals_numpy(tau, scale, same_label):
    student, teacher = pair(16, 7, scale=scale)
    target = torch.full((16,), 3) if same_label else labels(16, classes=7)
    for other in (teacher, torch.ones_like(teacher)):
        expected = reference(student.numpy(), other.numpy(), target.numpy(), tau)
        assert nkd_loss(student, other, target, tau=tau).item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_it_is_a_part_of_dkd():
    student, teacher = pair(2, 5, 3, 4)
    target = labels(2, 3, 4, classes=5)
    target[0, 1] = 255
    part = dkd_loss(student, teacher, target, beta=1.0, tau=2.0)['loss_non_target']
    assert nkd_loss(student, teacher, target, tau=2.0).equal(part)


def test_it_is_logit_distillation_without_the_target():
    student, teacher = pair(6, 5)
    others = [x[:, [0, 1, 3, 4]] for x in (student, teacher)]
    loss = nkd_loss(student, teacher, torch.full((6,), 2))
    assert loss.item() == pytest.approx(logit_kd_loss(*others).item(), rel=1e-12)


def test_logits_of_the_target_do_not_matter():
    student, teacher = pair(6, 5)
    target = labels(6, classes=5)
    index = target.unsqueeze(1)
    loss = nkd_loss(student, teacher, target)
    for value in (-1e4, 1e4):
        changed = student.scatter(1, index, value).requires_grad_()
        assert nkd_loss(changed, teacher.scatter(1, index, -value), target).equal(loss)
        grad = gradient(nkd_loss(changed, teacher, target), changed)
        assert not grad.gather(1, index).any()
        assert grad.isfinite().all()


def test_module_equals_function():
    student, teacher = pair(6, 4)
    target = labels(6, classes=4)
    built = DISTILL_LOSSES.build(dict(type='NKDLoss', tau=2.0))
    assert isinstance(built, NKDLoss)
    assert built(student, teacher, target).equal(nkd_loss(student, teacher, target, tau=2.0))
    assert NKDLoss()(student, teacher, target).equal(nkd_loss(student, teacher, target, tau=4.0))


@pytest.mark.parametrize('shape', [(4, 5), (2, 3, 2, 2)])
def test_gradient(shape):
    student, teacher = pair(*shape)
    target = labels(shape[0], *shape[2:], classes=shape[1])
    assert torch.autograd.gradcheck(lambda s: nkd_loss(s, teacher, target), student.requires_grad_())


def test_equal_predictions_cost_nothing():
    student, _ = pair(8, 5)
    target = labels(8, classes=5)
    assert nkd_loss(student, student.clone(), target).item() == 0
    student.requires_grad_()
    assert gradient(nkd_loss(student, student.detach() + 3, target), student).abs().max() < 1e-12


def test_void_pixels_and_unlabelled_samples_do_not_count():
    student, teacher = pair(2, 5, 3, 4)
    target = labels(2, 3, 4, classes=5)
    target[0, 1:] = 255
    rows = [x.movedim(1, -1).flatten(0, -2) for x in (student, teacher)]
    flat = target.flatten()
    kept = nkd_loss(*(x[flat != 255] for x in rows), flat[flat != 255])
    student.requires_grad_()
    loss = nkd_loss(student, teacher, target)
    assert loss.item() == pytest.approx(kept.item(), rel=1e-12)
    assert (gradient(loss, student).abs().sum(1) > 0).equal(target != 255)
    unlabelled = nkd_loss(*rows, flat.where(flat != 255, -1))
    assert unlabelled.item() == pytest.approx(kept.item(), rel=1e-12)
    assert nkd_loss(*rows, torch.full_like(flat, -1)).item() == 0


@pytest.mark.parametrize('fill', [0.0, 1e4, -1e4])
@pytest.mark.parametrize('shape', [(1, 2), (1, 3), (4, 3), (2, 3, 2, 2)])
def test_constant_predictions_stay_finite(shape, fill):
    student, teacher = torch.full(shape, fill, requires_grad=True), torch.zeros(shape)
    teacher[:, 1] = 1e4
    loss = nkd_loss(student, teacher, torch.zeros(shape[:1] + shape[2:], dtype=torch.long), tau=1.0)
    assert loss.item() == pytest.approx(math.log(shape[1] - 1), rel=1e-6)
    assert gradient(loss, student).isfinite().all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_in_float32(dtype):
    student, teacher = (x.to(dtype) for x in pair(8, 64))
    target = labels(8, classes=64)
    expected = nkd_loss(student.float(), teacher.float(), target)
    with torch.autocast('cpu', torch.bfloat16):
        loss = nkd_loss(student.requires_grad_(), teacher, target)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert gradient(loss, student).isfinite().all()


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
        nkd_loss(torch.zeros(student), torch.zeros(teacher), target)
