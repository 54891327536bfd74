"""PKD by hand, against NumPy's correlation, its invariances, its precision, and shapes that do not fit."""

import numpy as np
import pytest
import torch

from fdkd.distill.losses.pkd import PKDLoss, pkd_loss
from fdkd.registry import DISTILL_LOSSES

SHAPES = [(6, 5), (3, 4, 5), (3, 5, 2, 4)]


def pair(*shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(2)]


def columns(x):
    """``[M, C]``: the samples and positions of each channel."""
    x = x.detach().double().numpy()
    return (x if x.ndim == 3 else np.moveaxis(x, 1, -1)).reshape(-1, x.shape[2 if x.ndim == 3 else 1])


def reference(student, teacher):
    standardised = [(x - x.mean(0)) / np.sqrt(x.var(0) + 1e-12) for x in (columns(student), columns(teacher))]
    return np.square(standardised[0] - standardised[1]).mean() / 2


def test_by_hand():
    student = torch.tensor([[1.0, 5.0, 0.0], [2.0, 7.0, 0.0], [3.0, 9.0, 3.0]])
    teacher = torch.tensor([[5.0, 4.0, 0.0], [6.0, 3.0, 3.0], [7.0, 2.0, 0.0]])  # correlations 1, -1 and -1/2
    assert pkd_loss(student, teacher).item() == pytest.approx((0 + 2 + 1.5) / 3, rel=1e-6)


@pytest.mark.parametrize('shape', SHAPES)
def test_equals_numpy_and_one_minus_the_correlation(shape):
    student, teacher = pair(*shape)
    loss = pkd_loss(student, teacher).item()
    assert loss == pytest.approx(reference(student, teacher), rel=1e-12)
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(columns(student).T, columns(teacher).T, strict=True)]
    assert loss == pytest.approx(1 - np.mean(correlations), rel=1e-9)


@pytest.mark.parametrize('shape', SHAPES)
def test_is_the_published_value_up_to_the_unbiased_deviation(shape):
    student, teacher = map(columns, pair(*shape))
    published = [(x - x.mean(0)) / (x.std(0, ddof=1) + 1e-6) for x in (student, teacher)]
    expected = np.square(published[0] - published[1]).mean() / 2 * len(student) / (len(student) - 1)
    assert pkd_loss(*pair(*shape)).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize('shape', SHAPES)
def test_the_module_equals_the_function_and_labels_change_nothing(shape):
    student, teacher = pair(*shape)
    built = DISTILL_LOSSES.build(dict(type='PKDLoss'))
    assert isinstance(built, PKDLoss)
    for target in (None, torch.zeros(shape[0], dtype=torch.long)):
        assert built(student, teacher, target).equal(pkd_loss(student, teacher))


@pytest.mark.parametrize('shape', SHAPES)
def test_gradient(shape):
    student, teacher = pair(*shape)
    assert torch.autograd.gradcheck(lambda s: pkd_loss(s, teacher), student.requires_grad_())


@pytest.mark.parametrize('shape', SHAPES)
def test_scale_and_offset_of_a_channel_change_nothing_but_its_sign_does(shape):
    student, teacher = pair(*shape)
    per_channel = (-1, 1, 1) if len(shape) == 4 else (-1,)
    scale = torch.tensor([1e-2, 0.5, 1.0, 7.0, 1e4], dtype=torch.float64).reshape(per_channel)
    for moved in ((scale * student - scale, teacher), (student, scale * teacher + 3)):
        assert pkd_loss(*moved).item() == pytest.approx(pkd_loss(student, teacher).item(), rel=1e-6)
    assert pkd_loss(-student, teacher).item() == pytest.approx(2 - pkd_loss(student, teacher).item(), rel=1e-9)


@pytest.mark.parametrize('shape', SHAPES)
def test_equal_features_cost_nothing(shape):
    student, _ = pair(*shape)
    assert pkd_loss(student, student.clone()).item() == 0
    assert pkd_loss(student, 2 * student + 1).item() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize('fill', [0.0, 0.1, 12345.678])
@pytest.mark.parametrize(('constant', 'expected'), [((0,), 0.5), ((1,), 0.5), ((0, 1), 0.0)])
def test_constant_channels_cost_half_and_stay_finite(fill, constant, expected):
    features = pair(7, 3, 3, 5, dtype=torch.float32)
    for side in constant:
        features[side] = torch.full_like(features[side], fill)
    loss = pkd_loss(features[0].requires_grad_(), features[1])
    loss.backward()
    assert loss.item() == pytest.approx(expected, abs=1e-6)
    assert features[0].grad.isfinite().all()


def test_one_vector_costs_nothing():
    student, teacher = pair(1, 8, dtype=torch.float32)
    loss = pkd_loss(student.requires_grad_(), teacher)
    loss.backward()
    assert loss.item() == 0
    assert student.grad.count_nonzero() == 0


def test_float32_far_from_the_origin_keeps_its_digits():
    student, teacher = (x / 10 + 1e3 for x in pair(8, 5, 3, 3, dtype=torch.float32))
    assert pkd_loss(student, teacher).item() == pytest.approx(reference(student, teacher), rel=1e-6)


def test_huge_features():
    student, teacher = (1e4 * x for x in pair(8, 5, 3, 3, dtype=torch.float32))
    loss = pkd_loss(student.requires_grad_(), teacher)
    loss.backward()
    assert loss.item() == pytest.approx(reference(student, teacher), rel=1e-5)
    assert student.grad.isfinite().all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize('shape', SHAPES)
def test_half_precision_and_autocast_are_compared_in_float32(shape, dtype):
    student, teacher = pair(*shape, dtype=dtype)
    expected = pkd_loss(student.float(), teacher.float())
    student.requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        loss = pkd_loss(student, teacher)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert loss.item() == pytest.approx(reference(student.float(), teacher), rel=1e-5)
    assert student.grad.isfinite().all()


def test_float64_stays_float64():
    with torch.autocast('cpu', torch.bfloat16):
        assert pkd_loss(*pair(4, 3)).equal(pkd_loss(*pair(4, 3)).double())


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r'\(4, 6\).*\(1, 6\)'):
        pkd_loss(torch.zeros(4, 6), torch.zeros(1, 6))
    with pytest.raises(ValueError, match=r'\(4, 6, 2, 2\).*\(4, 3, 5, 2\).*Resize.*in_channels=6, out_channels=3'):
        PKDLoss()(torch.zeros(4, 6, 2, 2), torch.zeros(4, 3, 5, 2))
    with pytest.raises(ValueError, match=r'\(5,\).*\(5,\).*expected \[N, D\], \[N, T, D\] or \[N, C, H, W\]'):
        pkd_loss(torch.zeros(5), torch.zeros(5))
