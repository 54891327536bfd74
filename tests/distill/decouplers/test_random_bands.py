"""Random bands: the bins counted by NumPy's FFT, the algebra, the precision, and what is refused."""

import numpy as np
import pytest
import torch

from fdkd.distill.decouplers import FourierDecoupler, RandomBandDecoupler
from fdkd.registry import DECOUPLERS

CASES = [  # axes, shape, the dimensions that it transforms
    ('channel', (3, 16), (1,)),
    ('channel', (3, 15), (1,)),
    ('channel', (3, 2), (1,)),
    ('channel', (3, 1), (1,)),
    ('channel', (2, 5, 12), (2,)),
    ('channel', (2, 7, 3, 4), (1,)),
    ('temporal', (2, 9, 4), (1,)),
    ('spatial', (2, 3, 8, 12), (2, 3)),
    ('spatial', (2, 3, 7, 6), (2, 3)),
    ('spatial', (2, 3, 1, 8), (2, 3)),
]
every_case = pytest.mark.parametrize(('axes', 'shape', 'dims'), CASES)
every_cutoff = pytest.mark.parametrize('cutoff', [0, 0.25, 0.5, 1])


def feature(*shape, dtype=torch.float64, offset=5.0):
    return offset + torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def bins(x, dims):
    """Which bins of the whole spectrum ``x`` has, with an impulse for ``x`` alike in every other dimension."""
    spectrum = np.abs(np.fft.fftn(x, axes=dims))
    return spectrum.max(axis=tuple(dim for dim in range(x.ndim) if dim not in dims)) > 1e-9


def waves(mask):
    """How many bins are true where a bin and its mirror image, -k, are one."""
    pairs = {tuple(sorted({k, tuple(-np.array(k) % mask.shape)})) for k in zip(*np.nonzero(mask), strict=True)}
    return len(pairs)


@every_case
@every_cutoff
@pytest.mark.parametrize('mask', ['square', 'radial'])
def test_the_bands_share_no_bin_and_have_the_sizes_of_the_cutoff(axes, shape, dims, cutoff, mask):
    x = feature(*shape)
    options = dict(axes=axes, cutoff=cutoff, mask=mask)
    low, high = (bins(band.numpy(), dims) for band in RandomBandDecoupler(seed=2, **options)(x))
    expected_low, expected_high = (bins(band.numpy(), dims) for band in FourierDecoupler(**options)(x))
    assert not (low & high).any()
    assert not low.flat[0]
    assert not high.flat[0]
    assert (low | high).sum() == low.size - 1
    assert (waves(low), waves(high)) == (waves(expected_low), waves(expected_high))


def test_of_512_channels_128_bins_are_drawn():
    x = feature(1, 512)
    low, high = RandomBandDecoupler()(x)
    spectrum = np.fft.rfft(x.numpy())[0]
    drawn = np.abs(np.fft.rfft(low.numpy()))[0] > 1e-9
    assert drawn[1:].sum() == 128
    assert 40 < drawn[1:129].sum() < 88  # neither the low ones nor the high ones: 64 are expected, give or take 5.7
    np.testing.assert_allclose(low[0], np.fft.irfft(spectrum * drawn, n=512), atol=1e-12)
    drawn[0] = True
    np.testing.assert_allclose(high[0], np.fft.irfft(spectrum * ~drawn, n=512), atol=1e-12)


@every_case
@pytest.mark.parametrize('keep_dc', [False, True])
def test_the_bands_and_the_mean_add_up(axes, shape, dims, keep_dc):
    x = feature(*shape)
    low, high = RandomBandDecoupler(axes=axes, keep_dc=keep_dc)(x)
    mean = x.mean(dims, keepdim=True)
    torch.testing.assert_close(low + high + (0 if keep_dc else mean), x, rtol=0, atol=1e-13)
    torch.testing.assert_close(low.mean(dims, keepdim=True), mean * keep_dc, rtol=0, atol=1e-13)
    torch.testing.assert_close(high.mean(dims, keepdim=True), 0 * mean, rtol=0, atol=1e-13)


@pytest.mark.parametrize('shape', [(3, 16), (2, 3, 7, 6)])
def test_decoupling_a_band_again_changes_nothing(shape):
    decoupler = RandomBandDecoupler(cutoff=0.4)
    low, high = decoupler(feature(*shape))
    nothing = torch.zeros_like(low)
    for band, expected in ((low, (low, nothing)), (high, (nothing, high))):
        torch.testing.assert_close(decoupler(band), expected, rtol=0, atol=1e-13)


def test_the_split_follows_the_seed_alone():
    x = feature(2, 32)
    low = RandomBandDecoupler(seed=1)(x)[0]
    torch.manual_seed(5)
    np.random.seed(5)
    assert low.equal(RandomBandDecoupler(seed=1)(x)[0])
    assert not low.allclose(RandomBandDecoupler(seed=2)(x)[0])


def test_built_from_a_config():
    x = feature(2, 5, 12)
    built = DECOUPLERS.build(dict(type='RandomBandDecoupler', seed=2, axes='channel', cutoff=0.25))
    assert built(x)[0].equal(RandomBandDecoupler(2, axes='channel', cutoff=0.25)(x)[0])
    assert built.dims(x) == (2,)


def test_what_the_fourier_decoupler_refuses_is_refused():
    with pytest.raises(ValueError, match="mask='round'"):
        RandomBandDecoupler(mask='round')
    with pytest.raises(ValueError, match="axes='temporal'"):
        RandomBandDecoupler(axes='temporal')(torch.zeros(2, 8))
