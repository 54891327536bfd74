"""Linear CKA against Gram matrices in NumPy, its invariances, and the sums of batches against all samples at once."""

import math

import numpy as np
import pytest
import torch

from fdkd.analysis.cka import StreamingCKA, linear_cka
from fdkd.errors import FdkdError


def reference(x, y, debiased=False):
    """The formulas as they are written, with N x N matrices."""
    n = len(x)
    x, y = (np.asarray(z, dtype=np.float64).reshape(n, -1) for z in (x, y))
    x, y = x - x.mean(0), y - y.mean(0)  # changes neither formula, and spares digits
    grams = x @ x.T, y @ y.T
    ones = np.ones((n, n))

    def centred(k):
        return k - k @ ones / n - ones @ k / n + ones @ k @ ones / n**2

    def hsic(k, m):
        if not debiased:
            return np.trace(centred(k) @ centred(m))
        k, m = (gram - np.diag(np.diag(gram)) for gram in (k, m))
        one = np.ones(n)
        middle = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
        return (np.trace(k @ m) + middle - 2 / (n - 2) * (one @ k @ m @ one)) / (n * (n - 3))

    k, m = grams
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def draw(n, *widths, seed=0):
    """Features that share three of their causes."""
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    features = []
    for width in widths:
        weights = torch.randn(3, width, generator=generator, dtype=torch.float64)
        features.append(shared @ weights + torch.randn(n, width, generator=generator, dtype=torch.float64))
    return features


def streamed(x, y, sizes):
    cka = StreamingCKA()
    for batch in zip(x.split(sizes), y.split(sizes), strict=True):
        cka.update(*batch)
    return cka


SHAPES = [(200, 7, 5), (30, 6, 50), (12, 40, 30), (5, 3, 3), (4, 2, 9)]  # more samples than dimensions, and fewer


@pytest.mark.parametrize('debiased', [False, True])
@pytest.mark.parametrize(('n', 'dx', 'dy'), SHAPES)
def test_equals_the_formula(n, dx, dy, debiased):
    x, y = draw(n, dx, dy)
    assert linear_cka(x, y, debiased) == pytest.approx(reference(x, y, debiased), rel=1e-10)


@pytest.mark.parametrize('debiased', [False, True])
@pytest.mark.parametrize(('n', 'dx', 'dy'), SHAPES)
def test_batches_equal_all_samples_at_once(n, dx, dy, debiased):
    x, y = draw(n, dx, dy)
    sizes = [1, 2, 0, n - 3] if n < 30 else [1, 2, n // 2, 0, n - n // 2 - 3]
    cka = streamed(x, y, sizes)
    assert cka.samples == n
    assert cka.value(debiased) == pytest.approx(reference(x, y, debiased), rel=1e-9)


def test_value_by_hand():
    # Centred: x = (-1, 0, 1), y = (-1, 2, -1); their product is 0 + 0 - 0, of x and x + y it is 2.
    x, y = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.0], [3.0], [0.0]])
    assert linear_cka(x, y) == pytest.approx(0, abs=1e-15)
    assert linear_cka(x, x + y) == pytest.approx(2**2 / (2 * 8))


def test_debiased_value_by_hand():
    # x = y = (1, -1, 1, -1): off the diagonal K is -1 eight times and 1 four times; any feature is itself at 1.
    x = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    y = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
    assert linear_cka(x, x, debiased=True) == pytest.approx(1)
    # K~L~: pairs agree in x (4 entries), in y (4), in neither (4): Tr = -4 - 4 + 4; each row sums to -1, both matrices
    # to -4: (-4 + 16/6 - 2/2 * 4) / 4 against (12 + 16/6 - 4) / 4.
    assert linear_cka(x, y, debiased=True) == pytest.approx((-8 + 8 / 3) / (8 + 8 / 3))


@pytest.mark.parametrize('debiased', [False, True])
@pytest.mark.parametrize('n', [20, 300])
def test_rotation_scale_and_translation_change_nothing_and_uneven_scale_does(n, debiased):
    x, y = draw(n, 40, 30)
    rotation = torch.linalg.qr(torch.randn(40, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    before = linear_cka(x, y, debiased)
    assert linear_cka(3 * x @ rotation + 7, 0.01 * y - 5, debiased) == pytest.approx(before, rel=1e-9)
    assert linear_cka(y, x, debiased) == pytest.approx(before, rel=1e-9)
    assert linear_cka(x, x @ rotation, debiased) == pytest.approx(1)
    uneven = torch.ones(40, dtype=torch.float64)
    uneven[0] = 20
    assert abs(linear_cka(x * uneven, y, debiased) - before) > 0.01


def test_maps_are_flattened():
    x, y = draw(10, 24, 8)
    assert linear_cka(x.view(10, 2, 3, 4), y.view(10, 2, 4)) == pytest.approx(reference(x, y))


def test_unrelated_wide_features_look_similar_unless_debiased():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(200, 200, generator=generator), torch.randn(200, 200, generator=generator)
    assert linear_cka(x, y) == pytest.approx(0.5, abs=0.02)
    assert linear_cka(x, y, debiased=True) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize('debiased', [False, True])
@pytest.mark.parametrize('n', [20, 300])
def test_mean_that_dwarfs_the_spread_costs_no_digits(n, debiased):
    x, y = draw(n, 25, 30)
    x, y = (x * 64).round() / 64, (y * 64).round() / 64  # exact beside the means
    cka = streamed(x + 2.0**34, y - 2.0**36, [7, n - 7])
    assert cka.value(debiased) == pytest.approx(reference(x, y, debiased), rel=1e-9)


def test_huge_and_half_precision_features_are_measured():
    x, y = draw(50, 4, 4)
    expected = reference(x.half(), y.half())
    assert linear_cka(x.half(), y.half()) == pytest.approx(expected, rel=1e-9)
    assert linear_cka(x * 1e60, y * 1e60) == pytest.approx(reference(x, y), rel=1e-9)


def test_energy_is_the_squared_distance_to_the_mean():
    for n in (10, 100):
        x, y = draw(n, 20, 15)
        expected = [((z - z.mean(0)) ** 2).sum().item() for z in (x, y)]
        assert streamed(x + 100, y, [3, n - 3]).energy() == pytest.approx(expected)
    assert StreamingCKA().energy() == (0, 0)


@pytest.mark.parametrize('n', [5, 50])
@pytest.mark.parametrize('debiased', [False, True])
def test_features_without_variation_have_no_cka(n, debiased):
    x = draw(n, 8)[0]
    constant = torch.full((n, 8), 0.1, dtype=torch.float64)
    assert math.isnan(linear_cka(x, constant, debiased))
    assert math.isnan(streamed(constant, x, [2, n - 2]).value(debiased))


def test_many_samples_leave_sums_alone():
    cka = StreamingCKA()
    for x, y in zip(*(z.split(10) for z in draw(100, 6, 4)), strict=True):
        cka.update(x, y)
    assert cka._kept == []


@pytest.mark.parametrize(
    ('x', 'y', 'message'),
    [
        ((3, 2), (4, 2), r'shapes \(3, 2\) and \(4, 2\); expected \[N, ...\]'),
        ((3,), (3, 2), r'shapes \(3,\) and \(3, 2\)'),
    ],
)
def test_rows_that_do_not_match_are_refused(x, y, message):
    with pytest.raises(FdkdError, match=message):
        linear_cka(torch.zeros(x), torch.zeros(y))


def test_batches_of_another_width_are_refused():
    cka = StreamingCKA()
    cka.update(*draw(5, 3, 4))
    with pytest.raises(FdkdError, match='after batches of the widths 3 and 4'):
        cka.update(*draw(5, 3, 5))


@pytest.mark.parametrize(('n', 'debiased', 'message'), [(1, False, 'CKA of 1 samples'), (3, True, 'at least 4')])
def test_too_few_samples_are_refused(n, debiased, message):
    with pytest.raises(FdkdError, match=message):
        linear_cka(*draw(n, 2, 2), debiased)


def test_what_is_not_finite_is_refused():
    x, y = draw(5, 2, 2)
    x[2, 1] = math.nan
    with pytest.raises(FdkdError, match='not finite'):
        linear_cka(x, y)
