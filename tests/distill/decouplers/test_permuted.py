"""The permuted control against permute, NumPy's FFT, un-permute."""

import numpy as np
import pytest
import torch

from fdkd.distill.decouplers import FourierDecoupler, PermutedDecoupler
from fdkd.registry import DECOUPLERS

CASES = [  # axes, shape, the dimensions that it transforms
    ('channel', (3, 16), (1,)),
    ('channel', (3, 15), (1,)),
    ('channel', (3, 1), (1,)),
    ('channel', (2, 5, 12), (2,)),
    ('channel', (2, 7, 3, 4), (1,)),
    ('temporal', (2, 9, 4), (1,)),
    ('spatial', (2, 3, 7, 6), (2, 3)),
]
every_case = pytest.mark.parametrize(('axes', 'shape', 'dims'), CASES)


def feature(*shape, dtype=torch.float64, offset=5.0):
    return offset + torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def reference(x, dims, cutoff, seed):
    """Moves the transformed axes to the end, shuffles them as one, filters by NumPy's FFT, and goes back again."""
    last = np.moveaxis(x, dims, range(-len(dims), 0))
    flat = last.reshape(*last.shape[: -len(dims)], -1)
    order = np.random.RandomState(seed).permutation(flat.shape[-1])
    spectrum = np.fft.fftn(flat[..., order].reshape(last.shape), axes=range(-len(dims), 0))
    grid = np.meshgrid(*(2 * np.abs(np.fft.fftfreq(n)) for n in last.shape[-len(dims) :]), indexing='ij')
    low = np.max(grid, axis=0) <= cutoff + 1e-12
    dc = np.max(grid, axis=0) == 0
    bands = []
    for band in (low & ~dc, ~low & ~dc):
        shuffled = np.fft.ifftn(spectrum * band, axes=range(-len(dims), 0)).real.reshape(flat.shape)
        straight = np.empty_like(shuffled)
        straight[..., order] = shuffled
        bands.append(np.moveaxis(straight.reshape(last.shape), range(-len(dims), 0), dims))
    return bands


@every_case
@pytest.mark.parametrize('cutoff', [0, 0.25, 0.5, 1])
def test_equals_permuting_filtering_and_going_back(axes, shape, dims, cutoff):
    x = feature(*shape)
    bands = PermutedDecoupler(seed=3, axes=axes, cutoff=cutoff)(x)
    for band, expected in zip(bands, reference(x.numpy(), dims, cutoff, 3), strict=True):
        np.testing.assert_allclose(band, expected, atol=1e-12)


@every_case
@pytest.mark.parametrize('keep_dc', [False, True])
def test_the_bands_and_the_mean_add_up(axes, shape, dims, keep_dc):
    x = feature(*shape)
    low, high = PermutedDecoupler(axes=axes, keep_dc=keep_dc)(x)
    mean = x.mean(dims, keepdim=True)
    torch.testing.assert_close(low + high + (0 if keep_dc else mean), x, rtol=0, atol=1e-13)
    torch.testing.assert_close(low.mean(dims, keepdim=True), mean * keep_dc, rtol=0, atol=1e-13)
    torch.testing.assert_close(high.mean(dims, keepdim=True), 0 * mean, rtol=0, atol=1e-13)


def test_the_permutation_follows_seed_and_length_alone():
    x = feature(2, 12)
    low = PermutedDecoupler(seed=1)(x)[0]
    torch.manual_seed(5)
    np.random.seed(5)
    assert low.equal(PermutedDecoupler(seed=1)(x)[0])
    torch.testing.assert_close(PermutedDecoupler(seed=1)(x.repeat(3, 1))[0][2:4], low, rtol=0, atol=1e-14)
    assert not low.allclose(PermutedDecoupler(seed=2)(x)[0])
    assert not low.allclose(FourierDecoupler()(x)[0])


def test_built_from_a_config():
    x = feature(2, 5, 12)
    built = DECOUPLERS.build(dict(type='PermutedDecoupler', seed=2, axes='channel', cutoff=0.25))
    np.testing.assert_allclose(built(x)[0], reference(x.numpy(), (2,), 0.25, 2)[0], atol=1e-12)
    assert built.dims(x) == (2,)


def test_what_the_fourier_decoupler_refuses_is_refused():
    with pytest.raises(ValueError, match='cutoff=2'):
        PermutedDecoupler(cutoff=2)
    with pytest.raises(ValueError, match="axes='spatial'"):
        PermutedDecoupler(axes='spatial')(torch.zeros(2, 8))
