"""DIST against NumPy's correlation, its invariances, and the inputs that break naive code."""

import numpy as np
import pytest
import torch

from fdkd.distill.losses.dist import DISTLoss, dist_loss
from fdkd.registry import DISTILL_LOSSES


def pair(*shape, scale=3.0):
    generator = torch.Generator().manual_seed(0)
    return [scale * torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2)]


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def reference(student, teacher, beta, gamma, tau):
    """The formula from NumPy's own ``corrcoef``, row by row and column by column; 0 with what hardly varies."""

    def correlation(a, b):
        constant = min(np.linalg.norm(x - x.mean()) for x in (a, b)) < 1e-10
        return 0.0 if constant else np.corrcoef(a, b)[0, 1]

    p, q = softmax(student / tau), softmax(teacher / tau)
    inter = np.mean([1 - correlation(a, b) for a, b in zip(p, q, strict=True)])
    intra = np.mean([1 - correlation(a, b) for a, b in zip(p.T, q.T, strict=True)])
    return tau**2 * (beta * inter + gamma * intra)


def flatten(maps):
    return [x.movedim(1, -1).flatten(0, -2) for x in maps]


def gradient(loss, student):
    return torch.autograd.grad(loss, student)[0]


def test_by_hand():
    student = torch.tensor([[0.8, 0.1, 0.1], [0.2, 0.4, 0.4]]).log()  # rows (2, -1, -1) and (-2, 1, 1) around 1/3
    teacher = torch.tensor([[0.6, 0.2, 0.2], [0.1, 0.5, 0.4]]).log()
    rows = [1.0, (2 * 7 + 1 * 5 + 1 * 2) / (6 * (7**2 + 5**2 + 2**2)) ** 0.5]
    columns = [1.0, 1.0, 1.0]  # two positions correlate fully
    expected = 1 - sum(rows) / 2 + 1 - sum(columns) / 3
    assert dist_loss(student, teacher).item() == pytest.approx(expected, rel=1e-4)
    assert dist_loss(student, teacher.flip(0), beta=0.0).item() == pytest.approx(2, rel=1e-6)


@pytest.mark.parametrize(('beta', 'gamma', 'tau'), [(1, 1, 1), (2, 0, 4), (0, 0.5, 2)])
@pytest.mark.parametrize('scale', [0.0, 3.0, 1e4])
def test_equals_numpy(scale, beta, gamma, tau):
    student, teacher = pair(16, 7, scale=scale)
    expected = reference(student.numpy(), teacher.numpy(), beta, gamma, tau)
    loss = dist_loss(student, teacher, beta=beta, gamma=gamma, tau=tau)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_module_equals_function():
    student, teacher = pair(6, 4)
    built = DISTILL_LOSSES.build(dict(type='DISTLoss', beta=2.0, gamma=3.0, tau=4.0))
    assert isinstance(built, DISTLoss)
    assert built(student, teacher).equal(dist_loss(student, teacher, beta=2.0, gamma=3.0, tau=4.0))
    assert DISTLoss()(student, teacher).equal(dist_loss(student, teacher, beta=1.0, gamma=1.0, tau=1.0))


@pytest.mark.parametrize('target', [None, torch.tensor([[[0, 255], [1, 2]], [[255, 0], [0, 0]]])])
def test_gradient(target):
    student, teacher = pair(2, 3, 2, 2)
    loss = lambda s: dist_loss(s, teacher, target, beta=1.5, gamma=0.5, tau=2.0)  # noqa: E731
    assert torch.autograd.gradcheck(loss, student.requires_grad_())


def test_equal_predictions_cost_nothing():
    student, _ = pair(16, 7)
    student.requires_grad_()
    loss = dist_loss(student, student.detach())
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert gradient(loss, student).abs().max() < 1e-12


@pytest.mark.parametrize('slope', [0.2, 1.0, 1.2])
def test_inter_class_term_does_not_see_affine_maps_of_probabilities(slope):
    student, teacher = pair(16, 4, scale=0.3)
    mapped = (slope * student.softmax(1) + (1 - slope) / 4).log()  # sums to 1 again
    expected = dist_loss(student, teacher, gamma=0.0).item()
    assert dist_loss(mapped, teacher, gamma=0.0).item() == pytest.approx(expected, rel=1e-10)
    assert dist_loss(student, (slope * teacher.softmax(1) + (1 - slope) / 4).log(), gamma=0.0).item() == pytest.approx(
        expected, rel=1e-10
    )


def test_inter_class_term_sees_a_map_of_negative_slope():
    student, _ = pair(16, 4, scale=0.3)
    mapped = (-0.5 * student.softmax(1) + 1.5 / 4).log()
    assert dist_loss(mapped, student, gamma=0.0).item() == pytest.approx(2, rel=1e-10)


def test_a_shift_of_a_row_of_logits_changes_nothing():
    student, teacher = pair(16, 7)
    shifted = student + torch.arange(16.0)[:, None]
    assert dist_loss(shifted, teacher).item() == pytest.approx(dist_loss(student, teacher).item(), rel=1e-12)


@pytest.mark.parametrize(('beta', 'gamma'), [(1.0, 0.0), (0.0, 1.0)])
def test_void_pixels_do_not_count(beta, gamma):
    maps = pair(2, 5, 3, 4)
    target = torch.arange(24).view(2, 3, 4) % 5
    target[0, 1:], target[1, :, 2] = 255, 255
    valid = (target != 255).flatten()
    kept = dist_loss(*(x[valid] for x in flatten(maps)), beta=beta, gamma=gamma)
    maps[0].requires_grad_()
    loss = dist_loss(*maps, target, beta=beta, gamma=gamma)
    assert loss.item() == pytest.approx(kept.item(), rel=1e-12)
    assert (gradient(loss, maps[0]).abs().sum(1) > 0).equal(target != 255)
    whole = dist_loss(*flatten(maps), beta=beta, gamma=gamma).item()
    assert dist_loss(*maps, beta=beta, gamma=gamma).item() == pytest.approx(whole, rel=1e-12)


def test_all_void_is_zero():
    student, teacher = pair(1, 3, 2, 2)
    loss = dist_loss(student.requires_grad_(), teacher, torch.full((1, 2, 2), 255))
    assert loss.item() == 0
    assert not gradient(loss, student).any()


def test_labels_of_samples_change_nothing():
    student, teacher = pair(4, 3)
    for target in (torch.zeros(4, dtype=torch.long), torch.tensor([0, -1, 2, -1])):
        assert dist_loss(student, teacher, target).equal(dist_loss(student, teacher))


def test_one_position_has_no_intra_class_term():
    student, teacher = pair(1, 5)
    inter = reference(student.numpy(), teacher.numpy(), 1, 0, 1)
    assert dist_loss(student, teacher).item() == pytest.approx(inter, rel=1e-12)
    maps = [x.view(1, 5, 1, 1).expand(1, 5, 2, 2) for x in (student, teacher)]
    target = torch.tensor([[[255, 0], [255, 255]]])
    assert dist_loss(*maps, target).item() == pytest.approx(inter, rel=1e-12)


@pytest.mark.parametrize('fill', [0.0, 0.3, 1e4, -1e4])
@pytest.mark.parametrize('shape', [(4, 3), (64, 50), (2, 6, 20, 30)])
def test_constant_predictions_cost_their_weight_and_push_nowhere(shape, fill):
    teacher = pair(*shape)[1].float()
    for student, other in ((torch.full(shape, fill), teacher), (teacher, torch.full(shape, fill))):
        student.requires_grad_()
        loss = dist_loss(student, other, beta=2.0, gamma=0.5, tau=3.0)
        assert loss.item() == pytest.approx(9 * 2.5, rel=1e-6)
        assert not gradient(loss, student).any()
        student.requires_grad_(False)


def test_predictions_equal_for_all_positions_have_no_intra_class_term():
    row, teacher = torch.randn(1, 40, 1, 1, generator=torch.Generator().manual_seed(1)), pair(2, 40, 30, 41)[1].float()
    student = row.repeat(2, 1, 30, 41).requires_grad_()
    loss = dist_loss(student, teacher, beta=0.0)
    assert loss.item() == pytest.approx(1, rel=1e-6)
    assert not gradient(loss, student).any()


@pytest.mark.parametrize('margin', [20.0, 25.0, 35.0, 40.0, 60.0, 1e4])
def test_classes_without_probability_stay_finite(margin):
    student, teacher = (x.float() for x in pair(8, 4))
    student[:, 0] -= margin
    student.requires_grad_()
    loss = dist_loss(student, teacher)
    assert loss.isfinite()
    assert gradient(loss, student).abs().max() < 10


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_in_float32(dtype):
    student, teacher = (x.to(dtype) for x in pair(8, 64))
    expected = dist_loss(student.float(), teacher.float())
    with torch.autocast('cpu', torch.bfloat16):
        loss = dist_loss(student.requires_grad_(), teacher)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert gradient(loss, student).isfinite().all()


def test_float32_is_close_to_float64():
    maps, target = pair(2, 40, 30, 41), torch.zeros(2, 30, 41, dtype=torch.long)
    target[:, 3:9] = 255
    single = [x.float().requires_grad_() for x in maps]
    double = [x.detach().double().requires_grad_() for x in single]
    losses = [dist_loss(s, t.detach(), target) for s, t in (single, double)]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-6)
    grads = [gradient(loss, x[0]).double() for loss, x in zip(losses, (single, double), strict=True)]
    assert (grads[0] - grads[1]).norm() < 1e-5 * grads[1].norm()


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
        dist_loss(torch.zeros(student), torch.zeros(teacher), target)
