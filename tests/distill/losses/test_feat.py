"""Feature imitation by hand, its gradient, its precision, and shapes that do not fit."""

import numpy as np
import pytest
import torch

from fdkd.distill.losses.feat import FeatureMSELoss, feature_mse_loss
from fdkd.registry import DISTILL_LOSSES


def pair(*shape):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2)]


def test_by_hand():
    student, teacher = torch.tensor([[1.0, 3.0], [0.0, -2.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert feature_mse_loss(student, teacher).item() == (1 + 4 + 0 + 9) / 4


@pytest.mark.parametrize('shape', [(5,), (4, 6), (2, 3, 4), (2, 3, 4, 5)])
def test_equals_numpy_and_the_module_equals_the_function(shape):
    student, teacher = pair(*shape)
    expected = np.mean((student.numpy() - teacher.numpy()) ** 2)
    assert feature_mse_loss(student, teacher).item() == pytest.approx(expected, rel=1e-14)
    built = DISTILL_LOSSES.build(dict(type='FeatureMSELoss'))
    assert isinstance(built, FeatureMSELoss)
    assert built(student, teacher).equal(feature_mse_loss(student, teacher))


def test_labels_change_nothing():
    student, teacher = pair(2, 3, 2, 2)
    loss = FeatureMSELoss()
    assert loss(student, teacher, torch.full((2, 2, 2), 255)).equal(loss(student, teacher))


def test_gradient():
    student, teacher = pair(2, 3)
    assert torch.autograd.gradcheck(lambda s: feature_mse_loss(s, teacher), student.requires_grad_())


def test_equal_features_cost_nothing():
    student, _ = pair(3, 4)
    assert feature_mse_loss(student, student.clone()).item() == 0


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_compared_in_float32(dtype):
    student, teacher = (100 * x.to(dtype) for x in pair(8, 64))
    expected = feature_mse_loss(student.double(), teacher.double()).item()
    with torch.autocast('cpu', torch.bfloat16):
        loss = feature_mse_loss(student, teacher)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_float16_differences_beyond_its_range_stay_finite():
    loss = feature_mse_loss(torch.full((2, 2), 6e4, dtype=torch.float16), torch.full((2, 2), -6e4, dtype=torch.float16))
    assert loss.item() == pytest.approx(1.2e5**2, rel=1e-3)


def test_float64_stays_float64():
    student, teacher = pair(2, 3)
    with torch.autocast('cpu', torch.bfloat16):
        loss = feature_mse_loss(student, teacher)
    assert loss.dtype == torch.float64
    assert loss.equal(feature_mse_loss(student, teacher))


def test_shapes_that_differ_are_named_and_not_broadcast():
    with pytest.raises(ValueError, match=r'\(4, 6\).*\(1, 6\)'):
        feature_mse_loss(torch.zeros(4, 6), torch.zeros(1, 6))
    with pytest.raises(ValueError, match=r'\(4, 6\).*\(4, 3\).*in_channels=6, out_channels=3'):
        FeatureMSELoss()(torch.zeros(4, 6), torch.zeros(4, 3))
