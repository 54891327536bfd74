"""What every control of the Fourier decoupler owes to training: gradients, precision, and nothing out of nothing."""

import pytest
import torch

from fdkd.distill.decouplers import PermutedDecoupler, RandomBandDecoupler
from fdkd.distill.losses.fdkd import FDKDLoss

pytestmark = pytest.mark.parametrize('control', [PermutedDecoupler, RandomBandDecoupler])


def feature(*shape, dtype=torch.float64):
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


def test_a_student_that_equals_its_teacher_has_no_distance(control):
    loss = FDKDLoss(decoupler=dict(type=control.__name__, seed=4), align=False, band_task=False)
    x = feature(3, 512, dtype=torch.float32)
    assert all(part.item() == 0 for part in loss(x, x.clone()).values())
    other = loss(x, x.flip(0))
    assert other['loss_low'] > 0
    assert other['loss_high'] > 0


@pytest.mark.parametrize(('axes', 'shape'), [('channel', (2, 6)), ('channel', (1, 4, 2, 2)), ('spatial', (1, 2, 3, 4))])
@pytest.mark.parametrize('keep_dc', [False, True])
def test_gradient(control, axes, shape, keep_dc):
    assert torch.autograd.gradcheck(control(axes=axes, keep_dc=keep_dc), feature(*shape).requires_grad_())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('autocast', [False, True])
def test_half_precision_is_computed_in_float32(control, dtype, autocast):
    x = feature(3, 20, dtype=torch.float32).to(dtype)
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        bands = control()(x)
    for band, expected in zip(bands, control()(x.double()), strict=True):
        assert band.dtype == torch.float32
        torch.testing.assert_close(band, expected.float(), rtol=0, atol=2e-6)


@pytest.mark.parametrize('value', [0.0, 0.1, 3.7, 1e30])
@pytest.mark.parametrize('shape', [(2, 512), (2, 3, 13, 17)])
def test_a_constant_has_empty_bands(control, shape, value):
    for band in control()(torch.full(shape, value)):
        assert band.norm() <= 1e-8 * max(value, 1)


def test_what_inference_cached_serves_training(control):
    decoupler = control(seed=77)  # a seed that no other test has cached
    with torch.inference_mode():
        decoupler(feature(2, 11))
    x = feature(2, 11).requires_grad_()
    decoupler(x)[0].square().sum().backward()
    torch.testing.assert_close(x.grad, 2 * decoupler(x.detach())[0])  # a projection is its own transpose and square
