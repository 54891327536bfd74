"""The Fourier decoupler against NumPy's rfft, its algebra, its precision, and what it refuses."""

import numpy as np
import pytest
import torch

from fdkd.distill.decouplers import FourierDecoupler
from fdkd.distill.decouplers.fourier import lowpass_matrix
from fdkd.registry import DECOUPLERS

CASES = [  # axes, shape, the dimensions that it transforms
    ('channel', (3, 16), (1,)),
    ('channel', (3, 15), (1,)),
    ('channel', (3, 2), (1,)),
    ('channel', (3, 1), (1,)),
    ('channel', (2, 5, 12), (2,)),
    ('channel', (2, 7, 3, 4), (1,)),
    ('temporal', (2, 9, 4), (1,)),
    ('temporal', (2, 8, 3), (1,)),
    ('temporal', (2, 1, 3), (1,)),
    ('spatial', (2, 3, 8, 12), (2, 3)),
    ('spatial', (2, 3, 7, 5), (2, 3)),
    ('spatial', (2, 3, 6, 9), (2, 3)),
    ('spatial', (2, 3, 1, 8), (2, 3)),
    ('spatial', (2, 3, 1, 1), (2, 3)),
]
every_case = pytest.mark.parametrize(('axes', 'shape', 'dims'), CASES)
every_mask = pytest.mark.parametrize('mask', ['square', 'radial'])


def feature(*shape, dtype=torch.float64, offset=5.0):
    return offset + torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def reference(x, dims, cutoff, mask):
    """Low and high band from NumPy's real FFT: a mask over the half spectrum, DC in neither band."""
    spectrum = np.fft.rfftn(x, axes=dims)
    frequencies = [np.abs(np.fft.fftfreq(x.shape[dim])) for dim in dims[:-1]] + [np.fft.rfftfreq(x.shape[dims[-1]])]
    grid = 2 * np.stack(np.meshgrid(*frequencies, indexing='ij'))  # in units of Nyquist
    distance = grid.max(0) if mask == 'square' else np.sqrt((grid**2).sum(0))
    low = distance <= cutoff + 1e-12
    dc = np.zeros_like(low)
    dc.flat[0] = True
    shape = [spectrum.shape[dim] if dim in dims else 1 for dim in range(x.ndim)]
    sizes = [x.shape[dim] for dim in dims]
    return [np.fft.irfftn(spectrum * band.reshape(shape), s=sizes, axes=dims) for band in (low & ~dc, ~low & ~dc)]


@every_case
@every_mask
@pytest.mark.parametrize('cutoff', [0, 0.25, 0.5, 1])
def test_equals_numpy(axes, shape, dims, mask, cutoff):
    x = feature(*shape)
    bands = FourierDecoupler(axes, cutoff, mask)(x)
    for band, expected in zip(bands, reference(x.numpy(), dims, cutoff, mask), strict=True):
        np.testing.assert_allclose(band, expected, atol=1e-12)


@every_case
@every_mask
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_the_bands_and_the_mean_add_up(axes, shape, dims, mask, dtype):
    x = feature(*shape, dtype=dtype)
    low, high = FourierDecoupler(axes, 0.5, mask)(x)
    atol = 4e-6 if dtype == torch.float32 else 1e-14
    torch.testing.assert_close(low + high + x.mean(dims, keepdim=True), x, rtol=0, atol=atol)


@every_case
@every_mask
def test_the_mean_is_in_neither_band_or_with_keep_dc_in_the_low_one(axes, shape, dims, mask):
    x = feature(*shape)
    mean = x.mean(dims, keepdim=True)
    low, high = FourierDecoupler(axes, mask=mask)(x)
    for band in (low, high):
        torch.testing.assert_close(band.mean(dims, keepdim=True), torch.zeros_like(mean), rtol=0, atol=1e-14)
    kept_low, kept_high = FourierDecoupler(axes, mask=mask, keep_dc=True)(x)
    torch.testing.assert_close(kept_low, low + mean)
    assert kept_high.equal(high)


def test_of_512_channels_bins_1_to_128_are_low_and_129_to_256_high():
    cycles = torch.outer(torch.arange(257), torch.arange(512)).double() / 512  # of bin k in row k
    cosines = torch.cos(2 * torch.pi * cycles + 0.3)
    low, high = FourierDecoupler()(cosines)
    nothing = torch.zeros_like(cosines)
    for band, bins in ((low, slice(1, 129)), (high, slice(129, 257))):
        expected = nothing.clone()
        expected[bins] = cosines[bins]
        torch.testing.assert_close(band, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize('cutoff', [0, 0.3, 0.5, 1])
@pytest.mark.parametrize('shape', [(3, 30), (2, 6, 11), (2, 3, 7, 10)])
@pytest.mark.parametrize('axes', [None, 'channel'])
def test_long_signals_take_another_way_to_the_same_bands(axes, shape, cutoff, monkeypatch):
    x, decoupler = torch.randn(shape, dtype=torch.float64), FourierDecoupler(axes, cutoff)
    short = decoupler(x)
    monkeypatch.setattr('fdkd.distill.decouplers.fourier._LONG', 2)
    for ours, expected in zip(decoupler(x), short, strict=True):
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)


def test_square_and_radial_differ_in_the_corner():
    """A wave at (0.4, 0.4) of Nyquist lies within the square of 0.5, and outside the circle."""
    wave = torch.cos(2 * torch.pi * (4 * torch.arange(20)[:, None] + 4 * torch.arange(20)) / 20)[None, None]
    square, radial = (FourierDecoupler(mask=mask)(wave) for mask in ('square', 'radial'))
    torch.testing.assert_close(square[0], wave, rtol=0, atol=1e-5)
    torch.testing.assert_close(radial[1], wave, rtol=0, atol=1e-5)


def test_a_frequency_at_the_cutoff_is_low():
    """(0.3, 0.4) of Nyquist: a square of 0.4 reaches it, and a circle of 0.5, both within floating point."""
    wave = torch.cos(2 * torch.pi * (3 * torch.arange(20)[:, None] + 4 * torch.arange(20)) / 20).double()[None, None]
    for mask, cutoff in (('square', 0.4), ('radial', 0.5)):
        torch.testing.assert_close(FourierDecoupler('spatial', cutoff, mask)(wave)[0], wave, rtol=0, atol=1e-5)
        torch.testing.assert_close(FourierDecoupler('spatial', cutoff - 0.01, mask)(wave)[1], wave, rtol=0, atol=1e-5)


@every_mask
@pytest.mark.parametrize('shape', [(3, 16), (2, 5, 4), (2, 3, 7, 6)])
def test_decoupling_a_band_again_changes_nothing(shape, mask):
    decoupler = FourierDecoupler(cutoff=0.4, mask=mask)
    low, high = decoupler(feature(*shape))
    nothing = torch.zeros_like(low)
    for band, expected in ((low, (low, nothing)), (high, (nothing, high))):
        torch.testing.assert_close(decoupler(band), expected, rtol=0, atol=1e-13)


@every_mask
def test_linear(mask):
    decoupler = FourierDecoupler(mask=mask)
    x, y = feature(2, 3, 5, 6), feature(2, 3, 5, 6, offset=-1.0).flip(2)
    for band, of_x, of_y in zip(decoupler(2 * x - 3 * y), decoupler(x), decoupler(y), strict=True):
        torch.testing.assert_close(band, 2 * of_x - 3 * of_y, rtol=0, atol=1e-13)


@every_mask
@pytest.mark.parametrize('keep_dc', [False, True])
@pytest.mark.parametrize(
    ('axes', 'shape'),
    [('channel', (2, 6)), ('channel', (1, 4, 2, 2)), ('temporal', (1, 5, 2)), ('spatial', (1, 2, 3, 4))],
)
def test_gradient(axes, shape, mask, keep_dc):
    assert torch.autograd.gradcheck(FourierDecoupler(axes, 0.5, mask, keep_dc), feature(*shape).requires_grad_())


@pytest.mark.parametrize('axes', [None, 'channel'])
@pytest.mark.parametrize('shape', [(3, 30), (2, 6, 12), (2, 3, 7, 10)])
def test_no_axes_means_channels_of_vectors_time_of_sequences_and_space_of_maps(axes, shape):
    names = {2: 'channel', 3: 'temporal', 4: 'spatial'}
    x = feature(*shape)
    chosen, named = FourierDecoupler(axes)(x)[0], FourierDecoupler(names[x.ndim])(x)[0]
    assert chosen.equal(named) == (axes is None or x.ndim == 2)


@every_mask
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('autocast', [False, True])
def test_half_precision_is_computed_in_float32(mask, dtype, autocast):
    x = feature(2, 3, 7, 10, dtype=torch.float32).to(dtype)
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        bands = FourierDecoupler(mask=mask)(x)
    for band, expected in zip(bands, FourierDecoupler(mask=mask)(x.double()), strict=True):
        assert band.dtype == torch.float32
        torch.testing.assert_close(band, expected.float(), rtol=0, atol=2e-6)


@every_mask
def test_autocast_lowers_neither_float32_nor_float64(mask):
    exact = feature(2, 3, 7, 10)
    expected = reference(exact.numpy(), (2, 3), 0.5, mask)
    for dtype, atol in ((torch.float32, 4e-6), (torch.float64, 1e-13)):
        with torch.autocast('cpu', torch.bfloat16):
            bands = FourierDecoupler(mask=mask)(exact.to(dtype))
        for band, wanted in zip(bands, expected, strict=True):
            assert band.dtype == dtype
            np.testing.assert_allclose(band, wanted, rtol=0, atol=atol)


@every_mask
@pytest.mark.parametrize('shape', [(2, 512), (2, 3, 13, 17)])
@pytest.mark.parametrize('value', [0.1, 3.7, 100.0])
def test_a_constant_has_empty_bands_in_float32(shape, mask, value):
    for band in FourierDecoupler(mask=mask)(torch.full(shape, value)):
        assert band.norm() < 1e-8  # the clamp of the standardisation that follows


@every_mask
def test_a_matrix_cached_by_inference_serves_training(mask):
    decoupler = FourierDecoupler('spatial', 0.37, mask)  # a cutoff that no other test has cached
    with torch.inference_mode():
        decoupler(feature(1, 1, 6, 5))
    x = feature(1, 1, 6, 5).requires_grad_()
    decoupler(x)[0][0, 0, 0, 0].backward()
    impulse = torch.zeros_like(x)
    impulse[0, 0, 0, 0] = 1
    torch.testing.assert_close(x.grad, decoupler(impulse)[0])  # a projection is its own transpose


def test_cached_matrices_hold_one_precision_each_and_no_gradient():
    decoupler = FourierDecoupler(cutoff=0.38)
    expected = reference(feature(2, 11).numpy(), (1,), 0.38, 'square')
    for dtype in (torch.float32, torch.float64, torch.float32):
        x = feature(2, 11).to(dtype).requires_grad_()
        low, _ = decoupler(x)
        low.square().sum().backward()
        assert low.dtype == x.grad.dtype == dtype
        np.testing.assert_allclose(low.detach(), expected[0], rtol=0, atol=2e-6 if dtype == torch.float32 else 1e-14)
        torch.testing.assert_close(x.grad, 2 * low.detach())  # a projection is its own transpose and square
        matrix = lowpass_matrix(11, 0.38, dtype, x.device)
        assert matrix.dtype == dtype
        assert not matrix.requires_grad


def test_the_input_is_left_alone():
    x = feature(2, 8)
    before = x.clone()
    low, high = FourierDecoupler(keep_dc=True)(x)
    low += 1
    high += 1
    assert x.equal(before)


def test_built_from_a_config():
    x = feature(2, 5, 12)
    built = DECOUPLERS.build(dict(type='FourierDecoupler', axes='channel', cutoff=0.25))
    np.testing.assert_allclose(built(x)[0], reference(x.numpy(), (2,), 0.25, 'square')[0], atol=1e-12)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(axes='width'), "axes='width'.*'channel', 'temporal', 'spatial'"),
        (dict(cutoff=-0.1), 'cutoff=-0.1.*0 to 1'),
        (dict(cutoff=1.5), 'cutoff=1.5.*0 to 1'),
        (dict(cutoff=float('nan')), 'cutoff=nan'),
        (dict(mask='round'), "mask='round'.*'square' or 'radial'"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        FourierDecoupler(**options)


@pytest.mark.parametrize(
    ('axes', 'shape'),
    [
        ('temporal', (2, 8)),
        ('temporal', (2, 3, 4, 4)),
        ('spatial', (2, 8)),
        ('spatial', (2, 3, 8)),
        ('channel', (8,)),
        (None, (2, 3, 4, 4, 4)),
    ],
)
def test_shapes_without_such_axes_are_named(axes, shape):
    with pytest.raises(ValueError, match=rf'axes={axes!r}.*\({", ".join(map(str, shape))},?\)'):
        FourierDecoupler(axes)(torch.zeros(shape))
