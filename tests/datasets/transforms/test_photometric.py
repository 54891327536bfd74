"""The random change of hue, saturation and value, against Python's own colour conversion."""

import colorsys

import numpy as np
import pytest

from fdkd.datasets.transforms import RandomHSV


@pytest.fixture
def colours():
    """Fully and half saturated colours at middle brightness, ``[2, 12, 3]`` in BGR order."""
    rgb = [[colorsys.hsv_to_rgb(hue / 12, saturation, 0.6) for hue in range(12)] for saturation in (1.0, 0.5)]
    return np.rint(255 * np.array(rgb)).astype(np.uint8)[..., ::-1].copy()


def hsv(image):
    """Hue (as a fraction of the circle), saturation and value of BGR pixels, ``[N, 3]``."""
    return np.array([colorsys.rgb_to_hsv(*pixel[::-1] / 255) for pixel in image.reshape(-1, 3)])


def change(image, monkeypatch, draws, **ranges):
    """Applies :class:`RandomHSV` with the given numbers in [-1, 1] as its random ones."""
    monkeypatch.setattr(np.random, 'uniform', lambda low, high, size: np.array(draws, float))
    return RandomHSV(**ranges)({'rgb_path': 'a', 'img': image.copy()})['img']


@pytest.mark.parametrize('draws', [(1, 1, 1), (-1, -1, -1)])
def test_zero_ranges_change_nothing_but_rounding(colours, monkeypatch, draws):
    image = change(colours, monkeypatch, draws, hue=0, saturation=0, value=0)
    assert np.abs(image.astype(int) - colours).max() <= 3


@pytest.mark.parametrize('draw', [1, -1, 0.5])
def test_hue_moves_by_a_fraction_of_the_circle_alone(colours, monkeypatch, draw):
    image = change(colours, monkeypatch, (draw, 1, 1), hue=0.1, saturation=0, value=0)
    moved = (hsv(image) - hsv(colours))[:, 0]
    np.testing.assert_allclose((moved - 0.1 * draw + 0.5) % 1 - 0.5, 0, atol=0.01)  # around the circle
    np.testing.assert_allclose(hsv(image)[:, 1:], hsv(colours)[:, 1:], atol=0.02)


@pytest.mark.parametrize('draw', [1, -1, 0.5])
def test_saturation_and_value_are_scaled(colours, monkeypatch, draw):
    before = hsv(colours)
    more_saturated = hsv(change(colours, monkeypatch, (1, draw, 1), hue=0, saturation=0.35, value=0))
    np.testing.assert_allclose(more_saturated[:, 1], np.minimum(before[:, 1] * (1 + 0.35 * draw), 1), atol=0.02)
    np.testing.assert_allclose(more_saturated[:, 2], before[:, 2], atol=0.01)
    brighter = hsv(change(colours, monkeypatch, (1, 1, draw), hue=0, saturation=0, value=0.2))
    np.testing.assert_allclose(brighter[:, 2], before[:, 2] * (1 + 0.2 * draw), atol=0.01)
    np.testing.assert_allclose(brighter[:, 1], before[:, 1], atol=0.02)


def test_bright_pixels_saturate_and_do_not_wrap_around(monkeypatch):
    white = np.full((1, 1, 3), 250, np.uint8)
    assert change(white, monkeypatch, (0, 0, 1), value=0.2).tolist() == [[[255, 255, 255]]]


def test_changes_stay_within_the_ranges(colours):
    before = hsv(colours)
    transform = RandomHSV(hue=0.02, saturation=0.3, value=0.2)
    np.random.seed(0)
    images = [transform({'rgb_path': 'a', 'img': colours.copy()})['img'] for _ in range(100)]
    after = np.array([hsv(image) for image in images])
    hue = np.abs((after - before)[..., 0] + 0.5) % 1 - 0.5
    assert np.abs(hue).max() <= 0.02 + 0.01
    ratio = after[..., 1:] / before[:, 1:]
    assert ratio[..., 0].min() >= 0.7 - 0.03
    assert ratio[..., 0].max() <= 1.3 + 0.03
    assert ratio[..., 1].min() >= 0.8 - 0.01
    assert ratio[..., 1].max() <= 1.2 + 0.01
    values = ratio[:, :, 1].mean(1)
    assert values.min() < 0.85  # and the ranges are used
    assert values.max() > 1.15


def test_other_modalities_stay_untouched(colours):
    depth, label = np.random.default_rng(0).random((2, 12)), np.arange(24).reshape(2, 12)
    results = RandomHSV()({'rgb_path': 'a', 'img': colours.copy(), 'depth': depth.copy(), 'gt_seg_map': label.copy()})
    assert not np.array_equal(results['img'], colours)
    assert np.array_equal(results['depth'], depth)
    assert np.array_equal(results['gt_seg_map'], label)


def test_a_sample_without_rgb_draws_nothing(colours):
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    results = RandomHSV()({'img': colours[..., 0].copy()})
    assert np.array_equal(results['img'], colours[..., 0])
    assert np.random.rand() == expected
