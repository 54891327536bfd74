"""CWD against NumPy, its invariances, and the inputs that break naive code."""

import math

import numpy as np
import pytest
import torch

from fdkd.distill.losses.cwd import CWDLoss, cwd_loss
from fdkd.distill.losses.logit_kd import logit_kd_loss
from fdkd.registry import DISTILL_LOSSES


def pair(*shape, scale=3.0):
    generator = torch.Generator().manual_seed(0)
    return [scale * torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2)]


def reference(student, teacher, tau):
    """Channel by channel; 0 log 0 = 0."""

    def log_softmax(x):
        return x - x.max() - np.log(np.sum(np.exp(x - x.max())))

    samples, channels = student.shape[:2]
    loss = 0.0
    for s, t in zip(student.reshape(samples * channels, -1), teacher.reshape(samples * channels, -1), strict=True):
        s, t = log_softmax(s / tau), log_softmax(t / tau)
        loss += sum(np.exp(b) * (b - a) for a, b in zip(s, t, strict=True) if np.exp(b) > 0)
    return tau**2 / channels * loss / samples


def gradient(loss, student):
    return torch.autograd.grad(loss, student)[0]


def test_by_hand():
    student, teacher = torch.zeros(1, 2, 1, 2), torch.zeros(1, 2, 1, 2)
    teacher[0, 0, 0, 1] = math.log(3)
    divergence = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    assert cwd_loss(student, teacher, tau=1.0).item() == pytest.approx(divergence / 2, rel=1e-6)
    assert cwd_loss(student, 4 * teacher).item() == pytest.approx(16 * divergence / 2, rel=1e-6)


@pytest.mark.parametrize('tau', [1.0, 4.0])
@pytest.mark.parametrize('scale', [0.0, 3.0, 1e4])
def test_equals_numpy(scale, tau):
    student, teacher = pair(3, 4, 5, 2, scale=scale)
    for other in (teacher, torch.ones_like(teacher)):
        expected = reference(student.numpy(), other.numpy(), tau)
        assert cwd_loss(student, other, tau=tau).item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_module_equals_function():
    student, teacher = pair(2, 3, 4, 5)
    built = DISTILL_LOSSES.build(dict(type='CWDLoss', tau=1.0))
    assert isinstance(built, CWDLoss)
    assert built(student, teacher).equal(cwd_loss(student, teacher, tau=1.0))
    assert CWDLoss()(student, teacher).equal(cwd_loss(student, teacher, tau=4.0))


def test_labels_change_nothing():
    student, teacher = pair(2, 3, 2, 2)
    assert CWDLoss()(student, teacher, torch.full((2, 2, 2), 255)).equal(cwd_loss(student, teacher))


def test_gradient():
    student, teacher = pair(2, 3, 2, 2)
    assert torch.autograd.gradcheck(lambda s: cwd_loss(s, teacher), student.requires_grad_())


def test_it_is_logit_distillation_along_the_positions():
    student, teacher = pair(2, 3, 4, 5)
    rows = [x.reshape(6, 20) for x in (student, teacher)]
    assert cwd_loss(student, teacher).item() == pytest.approx(logit_kd_loss(*rows).item(), rel=1e-12)


def test_a_shift_of_a_channel_changes_nothing():
    student, teacher = pair(2, 3, 4, 5)
    shift = torch.arange(6.0).view(2, 3, 1, 1)
    loss = cwd_loss(student, teacher).item()
    assert cwd_loss(student + shift, teacher - shift).item() == pytest.approx(loss, rel=1e-12)
    assert abs(cwd_loss(student + torch.arange(5.0), teacher).item() - loss) > 0.1


def test_equal_maps_cost_nothing():
    student, _ = pair(2, 3, 4, 5)
    assert cwd_loss(student, student.clone()).item() == 0
    student.requires_grad_()
    assert gradient(cwd_loss(student, student.detach() + 3), student).abs().max() < 1e-12


def test_memory_layout_changes_nothing():
    student, teacher = pair(2, 3, 4, 5)
    last = [x.contiguous(memory_format=torch.channels_last) for x in (student, teacher)]
    assert cwd_loss(*last).equal(cwd_loss(student, teacher))


@pytest.mark.parametrize('fill', [0.0, 1e4, -1e4])
@pytest.mark.parametrize('shape', [(1, 1, 1, 2), (2, 3, 4, 5)])
def test_constant_maps_stay_finite(shape, fill):
    student, teacher = torch.full(shape, fill, requires_grad=True), torch.zeros(shape)
    teacher[:, :, 0, 0] = 1e4
    loss = cwd_loss(student, teacher, tau=1.0)
    assert loss.item() == pytest.approx(math.log(shape[2] * shape[3]), rel=1e-6)
    assert gradient(loss, student).isfinite().all()
    peak = teacher.clone().requires_grad_()  # its probability rounds to 0 where the teacher's is not
    loss = cwd_loss(peak, torch.full(shape, fill), tau=1.0)
    assert loss.isfinite()
    assert gradient(loss, peak).isfinite().all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_in_float32(dtype):
    student, teacher = (x.to(dtype) for x in pair(2, 3, 8, 8))
    expected = cwd_loss(student.float(), teacher.float())
    with torch.autocast('cpu', torch.bfloat16):
        loss = cwd_loss(student.requires_grad_(), teacher)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert gradient(loss, student).isfinite().all()


@pytest.mark.parametrize(
    ('student', 'teacher', 'message'),
    [
        ((4, 6), (4, 6), r'student \(4, 6\).*teacher \(4, 6\): expected maps'),
        ((4, 6, 3), (4, 6, 3), r'\(4, 6, 3\).*expected maps'),
        ((4, 6, 2, 2), (4, 6), r'\(4, 6, 2, 2\).*\(4, 6\): expected maps'),
        ((4, 6, 1, 1), (4, 6, 1, 1), r'\(4, 6, 1, 1\).*two positions'),
        ((4, 6, 2, 2), (4, 6, 5, 2), r"\(4, 6, 2, 2\).*\(4, 6, 5, 2\).*type='Resize'"),
        ((4, 6, 2, 2), (4, 3, 2, 2), r"\(4, 3, 2, 2\).*type='Projection', in_channels=6, out_channels=3"),
    ],
)
def test_what_cannot_be_compared_is_named(student, teacher, message):
    with pytest.raises(ValueError, match=message):
        cwd_loss(torch.zeros(student), torch.zeros(teacher))
