"""RKD by hand, against loops over pairs and triplets, its invariances, and samples that coincide."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from fdkd.distill.losses.rkd import RKDLoss, rkd_angle_loss, rkd_distance_loss, rkd_loss
from fdkd.registry import DISTILL_LOSSES

LOSSES = [rkd_distance_loss, rkd_angle_loss]
ANY = pytest.mark.parametrize('loss', LOSSES)


def pair(*shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(2)]


def huber(x):
    return np.where(np.abs(x) < 1, x**2 / 2, np.abs(x) - 0.5).mean()


def distances(x):
    found = np.array([[np.linalg.norm(a - b) for b in x] for a in x])
    return found / (found[found > 0].mean() if found.any() else 1)


def cosines(x):
    """Cosine at j between i and k, from the normalised differences."""

    def unit(a, b):
        length = np.linalg.norm(a - b)
        return (a - b) / length if length else np.zeros_like(a)

    return np.array([unit(i, j) @ unit(k, j) for i, j, k in product(x, x, x)])


def reference(loss, student, teacher):
    relation = distances if loss is rkd_distance_loss else cosines
    return huber(relation(student.detach().double().numpy()) - relation(teacher.detach().double().numpy()))


def test_distances_by_hand():
    student = torch.tensor([[0.0], [1.0], [3.0]])  # distances 1, 2, 3 of mean 2
    teacher = torch.tensor([[0.0, 0.0], [0.0, 3.0], [4.0, 0.0]])  # 3, 5, 4 of mean 4: 01, 12, 02
    differences = [1 / 2 - 3 / 4, 2 / 2 - 5 / 4, 3 / 2 - 4 / 4]
    expected = 2 * sum(x**2 / 2 for x in differences) / 9
    assert rkd_distance_loss(student, teacher).item() == pytest.approx(expected, rel=1e-6)


def test_angles_by_hand():
    student = torch.tensor([[0.0], [1.0], [2.0]])  # cosines 1, -1, 1 at the three samples
    teacher = torch.tensor([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])  # 1 / sqrt 2, 0, 1 / sqrt 2
    expected = 2 * (2 * (1 - math.sqrt(0.5)) ** 2 / 2 + 1 / 2) / 27
    assert rkd_angle_loss(student, teacher).item() == pytest.approx(expected, rel=1e-6)


def test_a_difference_above_one_counts_linearly():
    student = torch.tensor([[0.0], [0.0], [10.0]])  # distances 0, 10, 10
    teacher = torch.tensor([[0.0], [9.0], [4.5]])  # 1.5, 0.75, 0.75
    expected = 2 * ((1.5 - 0.5) + 2 * 0.25**2 / 2) / 9
    assert rkd_distance_loss(student, teacher).item() == pytest.approx(expected, rel=1e-6)


@ANY
@pytest.mark.parametrize('scale', [1.0, 1e4, 1e-4])
def test_equals_numpy(loss, scale):
    student, (teacher, _) = scale * pair(7, 5)[0], pair(7, 3)
    assert loss(student, teacher).item() == pytest.approx(reference(loss, student, teacher), rel=1e-9)


@ANY
def test_float32_far_from_the_origin_keeps_its_digits(loss):
    student, teacher = (x.float() + 1e3 for x in pair(8, 16))
    assert loss(student, teacher).item() == pytest.approx(reference(loss, student, teacher), rel=1e-4)


@ANY
def test_gradient(loss):
    student, teacher = pair(5, 3)
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher), student.requires_grad_())


@pytest.mark.parametrize('weights', [(25.0, 50.0), (1.0, 2.0)])
def test_both_parts_and_the_module(weights):
    student, teacher = pair(6, 4)
    parts = rkd_loss(student, teacher, distance_weight=weights[0], angle_weight=weights[1])
    assert parts['loss_distance'].equal(weights[0] * rkd_distance_loss(student, teacher))
    assert parts['loss_angle'].equal(weights[1] * rkd_angle_loss(student, teacher))
    built = DISTILL_LOSSES.build(dict(type='RKDLoss', distance_weight=weights[0], angle_weight=weights[1]))
    assert isinstance(built, RKDLoss)
    for target in (None, torch.zeros(6, dtype=torch.long)):
        assert built(student, teacher, target) == parts


def test_the_defaults_are_those_of_the_paper():
    student, teacher = pair(6, 4)
    expected = rkd_loss(student, teacher, distance_weight=25.0, angle_weight=50.0)
    assert RKDLoss()(student, teacher) == expected
    assert rkd_loss(student, teacher) == expected


@pytest.mark.parametrize(('weight', 'left'), [('distance_weight', 'loss_angle'), ('angle_weight', 'loss_distance')])
def test_a_weight_of_zero_leaves_its_part_out(weight, left):
    assert list(RKDLoss(**{weight: 0.0})(*pair(4, 3))) == [left]


@ANY
def test_scale_rotation_and_shift_change_nothing(loss):
    student, teacher = pair(8, 5)
    rotation = torch.linalg.qr(pair(5, 5)[1]).Q
    expected = loss(student, teacher).item()
    for moved in (7 * student, student @ rotation, student + 3, -student):
        assert loss(moved, teacher).item() == pytest.approx(expected, rel=1e-9)
        assert loss(teacher, moved).item() == pytest.approx(expected, rel=1e-9)
        assert loss(moved, student).item() == pytest.approx(0, abs=1e-12)
    assert loss(student * torch.arange(1, 6), student).item() > 1e-3


@ANY
@pytest.mark.parametrize('shape', [(6, 3, 5), (6, 5, 2, 3)])
def test_positions_are_averaged_and_their_number_may_differ(loss, shape):
    student, teacher = pair(*shape)[0], pair(6, 4)[1]
    pooled = student.mean(1) if len(shape) == 3 else student.mean((2, 3))
    assert loss(student, teacher).item() == pytest.approx(loss(pooled, teacher).item(), rel=1e-12)
    assert loss(student, student).item() == 0


@ANY
@pytest.mark.parametrize('coincide', [[0, 1], [0, 2, 4], list(range(6))])
@pytest.mark.parametrize('side', [0, 1])
def test_samples_that_coincide(loss, coincide, side):
    features = pair(6, 4, dtype=torch.float32)
    features[side][coincide] = features[side][coincide[0]].clone()
    value = loss(features[0].requires_grad_(), features[1])
    value.backward()
    assert value.item() == pytest.approx(reference(loss, *features), rel=1e-5)
    assert features[0].grad.isfinite().all()


def test_a_side_of_length_0_has_no_gradient():
    student = torch.tensor([[1.0, 2.0], [1.0, 2.0], [4.0, 0.0]], requires_grad=True)
    rkd_angle_loss(student, pair(3, 2)[1].float()).backward()
    assert student.grad.abs().max().item() < 1e-6


@ANY
@pytest.mark.parametrize('fill', [0.0, 1e4, -1e4])
def test_constant_features_stay_finite(loss, fill):
    student, teacher = torch.full((4, 3), fill, requires_grad=True), torch.eye(4)
    value = loss(student, teacher)
    value.backward()
    assert value.item() == pytest.approx(reference(loss, student, teacher), rel=1e-5)
    assert student.grad.count_nonzero() == 0


@ANY
@pytest.mark.parametrize('samples', [1, 2])
def test_one_and_two_samples_have_nothing_to_compare(loss, samples):
    student, teacher = pair(samples, 5, dtype=torch.float32)
    value = loss(student.requires_grad_(), teacher)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-12)
    assert student.grad.abs().max().item() < 1e-6


@ANY
@pytest.mark.parametrize('autocast', [True, False])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize('shape', [(8, 16), (8, 16, 3, 3)])
def test_half_precision_and_autocast_are_compared_in_float32(loss, dtype, shape, autocast):
    student, teacher = (100 * x for x in pair(*shape, dtype=dtype))
    expected = loss(student.float(), teacher.float()).item()
    student.requires_grad_()
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        value = loss(student, teacher)
    value.backward()
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(expected, rel=1e-6)
    assert student.grad.isfinite().all()


@ANY
def test_float64_stays_float64(loss):
    with torch.autocast('cpu', torch.bfloat16):
        value = loss(*pair(4, 3))
    assert value.dtype == torch.float64
    assert value.equal(loss(*pair(4, 3)))


@ANY
@pytest.mark.parametrize('shapes', [((4, 6), (3, 6)), ((4,), (4, 6)), ((4, 6), (4, 2, 2, 2, 2)), ((), (4, 6))])
def test_shapes_that_do_not_fit_are_named(loss, shapes):
    named = r'.*'.join(str(shape).replace('(', r'\(').replace(')', r'\)') for shape in shapes)
    with pytest.raises(ValueError, match=rf'{named}: expected \[N, D\].* same N'):
        loss(torch.zeros(shapes[0]), torch.zeros(shapes[1]))
