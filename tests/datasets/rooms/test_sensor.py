"""Noise against its formula, holes where the sensor is blind, and outlines by hand."""

import numpy as np
import pytest

from fdkd.datasets.rooms.render import View
from fdkd.datasets.rooms.sensor import measure, outline, photograph

SHAPE = (96, 128)


def view(depth=2.0, colour=(0.2, 0.2, 0.2), facing=1.0, dull=False, unlit=False):
    """A plane wall."""
    return View(
        colour=np.broadcast_to(colour, (*SHAPE, 3)),
        depth=np.full(SHAPE, depth),
        label=np.ones(SHAPE, np.uint8),
        region=np.zeros(SHAPE, int),
        facing=np.full(SHAPE, facing),
        dull=np.full(SHAPE, dull),
        unlit=np.full(SHAPE, unlit),
    )


def measured(seed=0, **kwargs):
    return measure(view(**kwargs), np.random.default_rng(seed))


@pytest.mark.parametrize('depth', [1.0, 3.0, 6.0])
def test_noise_grows_with_the_square_of_the_distance(depth):
    millimetres = measured(depth=depth)
    seen = millimetres[millimetres > 0].astype(float)
    sigma = 1.2 + 1.9 * (depth - 0.4) ** 2
    assert millimetres.dtype == np.uint16
    assert seen.std() == pytest.approx(sigma, rel=0.05)
    assert seen.mean() == pytest.approx(1000 * depth, abs=5 * sigma / np.sqrt(seen.size))


def test_a_plane_wall_has_few_holes_and_some():
    share = np.mean([(measured(seed) == 0).mean() for seed in range(10)])
    assert 0.01 < share < 0.05


@pytest.mark.parametrize(('facing', 'share'), [(0.02, 0.9), (0.1, 0.5), (0.19, 0.05)])
def test_grazing_rays_get_lost(facing, share):
    assert (measured(facing=facing) == 0).mean() == pytest.approx(share, abs=0.05)


def test_nothing_comes_back_from_where_the_projector_does_not_reach():
    assert (measured(unlit=True) == 0).all()


def test_dull_surfaces_come_back_in_patches():
    holes = measured(dull=True) == 0
    assert 0.4 < holes.mean() < 0.75
    # In patches: most pixels are as their neighbours are.
    assert (holes[:, 1:] == holes[:, :-1]).mean() > 0.85


def test_photograph_keeps_the_order_of_the_channels_and_is_not_clipped():
    image = photograph(view(colour=(0.4, 0.2, 0.1)), np.random.default_rng(0))
    assert image.dtype == np.uint8
    assert image.shape == (*SHAPE, 3)
    red, green, blue = image.reshape(-1, 3).mean(axis=0)
    assert 250 > red > green + 20 > blue + 40 > 60


def test_exposure_follows_the_light_of_the_room():
    dark, bright = (photograph(view(colour=(x, x, x)), np.random.default_rng(0)) for x in (0.05, 0.6))
    assert dark.mean() == pytest.approx(bright.mean(), abs=1)
    others = [photograph(view(), np.random.default_rng(seed)).mean() for seed in range(10)]
    assert max(others) - min(others) > 10


def test_outline_by_hand():
    label = np.array([[1, 1, 1, 5], [1, 1, 1, 5], [2, 2, 5, 5]], np.uint8)
    region = np.array([[0, 0, 0, 7], [0, 0, 0, 7], [3, 3, 8, 8]])
    # Left of and above every border, also between the two things of class 5.
    expected = [[1, 1, 0, 5], [0, 0, 0, 0], [2, 0, 5, 5]]
    np.testing.assert_array_equal(outline(label, region), expected)
