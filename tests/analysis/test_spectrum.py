"""Profiles against features that the decoupler itself filtered, and features made of known frequencies."""

import math

import pytest
import torch

from fdkd.analysis.cka import linear_cka
from fdkd.analysis.spectrum import StreamingProfile, band_cka, hartley, shuffled_contrast, spectral_profile
from fdkd.distill.decouplers import FourierDecoupler
from fdkd.errors import FdkdError, LossError

SHAPES = [  # axes, features of either model, bands
    (None, (30, 64), (30, 48), 8),
    ('channel', (30, 21), (30, 21), 5),
    (None, (20, 16, 3), (20, 12, 5), 4),
    (None, (20, 3, 8, 12), (20, 2, 8, 12), 4),
    ('spatial', (20, 3, 7, 10), (20, 3, 9, 6), 3),
    ('channel', (10, 12, 2, 3), (10, 12, 2, 3), 6),
    ('channel', (10, 4, 12), (10, 4, 12), 3),
]


def draw(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def band_of(x, axes, low, high):
    """The frequencies above ``low`` up to ``high``, by two decouplers."""
    upto = FourierDecoupler(axes=axes, cutoff=high)(x)[0]
    return upto - FourierDecoupler(axes=axes, cutoff=low)(x)[0]


@pytest.mark.parametrize(('axes', 'x', 'y', 'bands'), SHAPES)
def test_bands_are_those_of_decouplers_with_the_edges_as_cutoffs(axes, x, y, bands):
    x, y = draw(x, y)
    y = y + 10
    profile = spectral_profile(x, y, bands, axes)
    assert profile.edges == tuple(edge / bands for edge in range(bands + 1))
    assert profile.samples == len(x)
    energies = [[], []]
    for number, edges in enumerate(zip(profile.edges, profile.edges[1:], strict=False)):
        filtered = [band_of(z, axes, *edges) for z in (x, y)]
        assert profile.cka[number] == pytest.approx(linear_cka(*filtered), rel=1e-8)
        assert profile.debiased[number] == pytest.approx(linear_cka(*filtered, debiased=True), rel=1e-8, abs=1e-12)
        for energy, z in zip(energies, filtered, strict=True):
            energy.append((z - z.mean(0)).square().sum().item())
    for shares, energy in zip(profile.energy, energies, strict=True):
        assert shares == pytest.approx([part / sum(energy) for part in energy])
        assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize(('axes', 'x', 'y', 'bands'), SHAPES[::2])
def test_batches_equal_all_samples_at_once(axes, x, y, bands):
    x, y = draw(x, y)
    y = y + 1e6
    stream = StreamingProfile(bands, axes)
    for batch in zip(x.split([1, 0, 4, len(x) - 5]), y.split([1, 0, 4, len(y) - 5]), strict=True):
        stream.update(*batch)
    once, batches = spectral_profile(x, y, bands, axes), stream.value()
    assert batches.cka == pytest.approx(once.cka, rel=1e-6)
    assert batches.debiased == pytest.approx(once.debiased, rel=1e-6, abs=1e-9)
    assert batches.energy[1] == pytest.approx(once.energy[1], rel=1e-6)


@pytest.mark.parametrize('shape', [(5, 8), (5, 7)])
def test_hartley_is_orthonormal_and_of_one_frequency_each(shape):
    n = shape[1]
    matrix = hartley(torch.eye(n, dtype=torch.float64), 1)
    assert torch.allclose(matrix @ matrix.T, torch.eye(n, dtype=torch.float64))
    time = torch.arange(n, dtype=torch.float64)
    wave = torch.cos(2 * math.pi * 3 * time / n + 0.4)[None]
    assert hartley(wave, 1).abs().gt(1e-9).nonzero()[:, 1].tolist() == [3, n - 3]


def test_shared_low_frequencies_are_seen_where_they_are():
    time = torch.arange(64, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    waves = torch.cat([torch.cos(2 * math.pi * torch.arange(1, 9)[:, None] * time / 64)])
    shared = torch.randn(400, 8, generator=generator, dtype=torch.float64) @ waves
    x, y = (shared + torch.randn(400, 64, generator=generator, dtype=torch.float64) for _ in range(2))
    profile = spectral_profile(x, y, 8)
    assert min(profile.debiased[:2]) > 0.7  # bins 1..8 are up to 0.25 of Nyquist
    assert max(map(abs, profile.debiased[2:])) < 0.02
    assert sum(profile.energy[0][:2]) > 0.7


def test_original_low_and_high_are_those_of_the_decoupler():
    x, y = draw((40, 16), (40, 16))
    y = y + x
    low, high = zip(*(FourierDecoupler(cutoff=0.5)(z) for z in (x, y)), strict=True)
    expected = {'original': linear_cka(x, y), 'low': linear_cka(*low), 'high': linear_cka(*high)}
    assert band_cka(x, y) == expected
    assert band_cka(x, y, FourierDecoupler(cutoff=0.25))['low'] != expected['low']
    assert band_cka(x, y, debiased=True)['high'] == linear_cka(*high, debiased=True)


def test_band_without_variation_has_no_cka_and_no_energy():
    wave = torch.cos(2 * math.pi * torch.arange(16) / 16)
    x, y = torch.randn(10, 1, generator=torch.Generator().manual_seed(0)) * wave, draw((10, 16))[0]
    profile = spectral_profile(torch.fft.irfft(torch.fft.rfft(x) * (torch.arange(9) == 1), n=16), y, 4)
    assert profile.energy[0] == pytest.approx((1, 0, 0, 0), abs=1e-9)
    assert spectral_profile(torch.ones(10, 16), y, 4).energy[0] == (0, 0, 0, 0)
    assert all(math.isnan(value) for value in spectral_profile(torch.ones(10, 16), y, 4).cka)


@pytest.mark.parametrize('bands', [5, 16])
def test_more_bands_than_frequencies_are_refused(bands):
    with pytest.raises(FdkdError, match=f'{bands} bands over a length of 9 leave band 1 .* at most 4 bands'):
        spectral_profile(*draw((6, 9), (6, 9)), bands)
    assert len(spectral_profile(*draw((6, 9), (6, 9)), 4).cka) == 4


def test_arguments_without_a_meaning_are_refused():
    with pytest.raises(FdkdError, match='0 bands'):
        StreamingProfile(0)
    with pytest.raises(LossError, match="axes='spatial'"):
        spectral_profile(*draw((6, 9), (6, 9)), 2, 'spatial')
    with pytest.raises(FdkdError, match='one row for each sample'):
        spectral_profile(*draw((6, 8), (7, 8)), 2)


def test_a_shuffled_contrast_is_that_of_reordered_channels():
    x, y = draw((40, 16), (40, 12))
    generator = torch.Generator().manual_seed(3)
    expected = []
    for _ in range(2):
        bands = band_cka(x[:, torch.randperm(16, generator=generator)], y, debiased=True)
        expected.append(bands['low'] - bands['high'])
    assert shuffled_contrast(x, y, orders=2, seed=3).tolist() == expected
    assert expected[0] != expected[1]


def test_what_two_models_share_in_low_frequencies_alone_stands_out_of_the_shuffled():
    common, x, y = draw((200, 32), (200, 32), (200, 32))
    low = FourierDecoupler()(common)[0]
    models = [low + FourierDecoupler()(z)[1] for z in (x, y)]
    bands = band_cka(*models, debiased=True)
    shuffled = shuffled_contrast(*models, orders=30)
    assert bands['low'] - bands['high'] > 0.8
    assert shuffled.max() < 0.7
