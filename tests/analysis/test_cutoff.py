"""The suggested cutoff of profiles whose shape is known."""

import math

import numpy as np
import pytest

from fdkd.analysis.cutoff import suggest_cutoff
from fdkd.analysis.spectrum import Profile


def profile(debiased):
    b = len(debiased)
    edges = tuple(edge / b for edge in range(b + 1))
    return Profile(edges, (0.9,) * b, tuple(debiased), ((1 / b,) * b,) * 2, 100)


def best_split(values):
    """Least squares by trying every split."""
    rests = [np.var(values[:s]) * s + np.var(values[s:]) * (len(values) - s) for s in range(1, len(values))]
    return 1 + int(np.argmin(rests))


@pytest.mark.parametrize('step', [1, 4, 9, 15])
def test_a_step_is_found_where_it_is(step):
    values = np.where(np.arange(16) < step, 0.4, 0.1) + np.random.default_rng(0).normal(0, 0.01, 16)
    suggestion = suggest_cutoff(profile(values))
    assert suggestion.cutoff == step / 16
    assert suggestion.low == pytest.approx(values[:step].mean())
    assert suggestion.high == pytest.approx(values[step:].mean())
    assert suggestion.contrast == pytest.approx(0.3, abs=0.02)
    assert 'falls' in suggestion.reason


@pytest.mark.parametrize('seed', range(5))
def test_the_split_has_the_least_squared_rest(seed):
    values = np.sort(np.random.default_rng(seed).gamma(1, 0.1, 16))[::-1]
    assert suggest_cutoff(profile(values)).cutoff == best_split(values) / 16


def test_noise_has_a_cutoff_in_few_cases():
    found = [suggest_cutoff(profile(np.random.default_rng(seed).normal(0.2, 0.01, 16))) for seed in range(200)]
    false = [suggestion for suggestion in found if suggestion.cutoff is not None]
    assert 0 < len(false) <= 12  # 2.5 % are expected: 5 % of the splits are as good, half of them rise
    assert any(
        'flat within noise' in suggestion.reason and 'default of 0.5' in suggestion.reason for suggestion in found
    )


def test_a_rise_has_no_cutoff():
    suggestion = suggest_cutoff(profile([0.1] * 5 + [0.3] * 11))
    assert suggestion.cutoff is None
    assert (suggestion.low, suggestion.high) == pytest.approx((0.1, 0.3))
    assert 'does not fall' in suggestion.reason


def test_equal_bands_have_no_cutoff():
    assert suggest_cutoff(profile([0.3] * 16)).cutoff is None


def test_few_bands_show_nothing():
    assert suggest_cutoff(profile([0.5, 0.1])).cutoff is None
    assert suggest_cutoff(profile([0.5, 0.3, 0.1])).cutoff is None


def test_bands_without_cka_are_named():
    suggestion = suggest_cutoff(profile([0.5, math.nan, 0.1, math.nan]))
    assert suggestion.cutoff is None
    assert suggestion.reason == 'no variation over the samples in band 2, 4'
