"""Textures: hand-computed patterns, and colours that stay colours."""

import numpy as np
import pytest

from fdkd.datasets.rooms import materials
from fdkd.datasets.rooms.materials import Material, Surface, albedo

COLOURS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
GLOWING = ['lamp_shade', 'window']
KINDS = ['furniture', 'cabinet', 'refrigerator', 'door', 'picture', 'floor_mat', 'wall', 'floor', 'ceiling', *GLOWING]


def surface(u, v, extent=(1.0, 1.0), axis=1):
    u, v = np.asarray(u, float), np.asarray(v, float)
    return Surface(u, v, u / extent[0], v / extent[1], np.full(u.shape, axis))


@pytest.fixture
def face():
    """A face of 1 m x 2 m, every 2 cm."""
    u, v = np.meshgrid(np.arange(0.01, 1, 0.02), np.arange(0.01, 2, 0.02))
    return surface(u.ravel(), v.ravel(), extent=(1.0, 2.0))


def test_checker_by_hand():
    points = surface([0.05, 0.15, 0.15, 0.25], [0.05, 0.05, 0.15, 0.05])
    squares = albedo(Material('checker', COLOURS, 0.1, 0.0), points)
    np.testing.assert_array_equal(squares, COLOURS[[0, 1, 0, 0]])


@pytest.mark.parametrize(('phase', 'expected'), [(0.0, [0, 1, 0]), (4.0, [0, 0, 1])])
def test_stripes_run_along_one_side(phase, expected):
    stripes = albedo(Material('stripes', COLOURS, 0.1, phase), surface([0.05, 0.15, 0.05], [0.05, 0.05, 0.15]))
    np.testing.assert_array_equal(stripes, COLOURS[expected])


def test_window_by_hand():
    """From the outside in: frame, ground, the cross, sky."""
    points = surface([0.02, 0.25, 0.5, 0.25], [0.5, 0.1, 0.8, 0.9])
    np.testing.assert_array_equal(albedo(Material('window', COLOURS, 1.0, 0.0), points), COLOURS[[2, 1, 2, 0]])


def test_only_the_front_of_a_refrigerator_has_handles():
    at = ([0.12, 0.5], [0.7, 0.2])
    front, side = (albedo(Material('refrigerator', COLOURS, 1.0, 0.0), surface(*at, axis=axis)) for axis in (1, 0))
    np.testing.assert_array_equal(front, COLOURS[[2, 0]])
    np.testing.assert_array_equal(side, COLOURS[[0, 0]])


@pytest.mark.parametrize('kind', KINDS)
def test_albedo_is_a_colour_between_those_of_the_material(kind, face):
    for seed in range(10):
        material = getattr(materials, kind)(np.random.default_rng(seed))
        colour = albedo(material, face)
        assert colour.shape == (len(face.u), 3)
        assert material.colours.min() > 0
        assert material.colours.max() <= 1
        assert (colour >= material.colours.min(axis=0) - 1e-12).all()
        assert (colour <= material.colours.max(axis=0) + 1e-12).all()


@pytest.mark.parametrize('kind', ['cabinet', 'refrigerator', 'door', 'window', 'picture', 'floor_mat'])
def test_things_told_by_their_texture_have_one(kind, face):
    colour = albedo(getattr(materials, kind)(np.random.default_rng(0)), face)
    assert colour.std(axis=0).max() > 0.02


@pytest.mark.parametrize('kind', KINDS)
def test_lamps_and_windows_glow_and_nothing_else_does(kind):
    assert (getattr(materials, kind)(np.random.default_rng(0)).glow > 0) == (kind in GLOWING)
