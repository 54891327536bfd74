"""The Haar transform against NumPy's matrices, its inverse, its norm and its levels."""

import numpy as np
import pytest
import torch

from fdkd.distill.wavelets import haar, inverse_haar
from tests.support.haar import bands_by_numpy

SHAPES = [(2, 3, 8, 8), (2, 3, 5, 2), (1, 3, 2, 2), (2, 3, 7, 9), (2, 3, 1, 4), (2, 3, 1, 1)]


def drawn(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize('levels', [0, 1, 2, 5])
@pytest.mark.parametrize('shape', SHAPES)
def test_bands_are_numpys_and_give_the_map_back(shape, levels):
    x = drawn(*shape)
    approximation, details = haar(x, levels)
    expected, expected_details = bands_by_numpy(x.numpy(), levels)
    np.testing.assert_allclose(approximation, expected, atol=1e-14)
    assert len(details) == len(expected_details)
    for level, found in zip(expected_details, details, strict=True):
        np.testing.assert_allclose(torch.stack(found), level, atol=1e-14)
    torch.testing.assert_close(inverse_haar(approximation, details, x.shape[2:]), x)


def test_it_keeps_the_norm():
    x = drawn(2, 3, 5, 7)
    approximation, details = haar(x, 3)
    total = approximation.square().sum() + sum(band.square().sum() for level in details for band in level)
    assert total.item() == pytest.approx(x.square().sum().item())


@pytest.mark.parametrize(('size', 'levels'), [((1, 1), 0), ((2, 2), 1), ((5, 2), 1), ((3, 3), 2), ((8, 64), 3)])
def test_levels_end_at_a_side_of_1(size, levels):
    assert len(haar(torch.ones(1, 1, *size), levels=9)[1]) == levels
