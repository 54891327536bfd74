"""What makes rooms a data set for cross-modal studies: who shares shapes with whom, and who shares colours."""

import numpy as np
import pytest

from fdkd.datasets.rooms.geometry import turn
from fdkd.datasets.rooms.materials import FURNITURE_TEXTURES
from fdkd.datasets.rooms.scene import (
    BED,
    BOX,
    CABINET,
    CEILING,
    CHAIR,
    DOOR,
    FLOOR,
    FLOOR_MAT,
    LAMP,
    PICTURE,
    PILLOW,
    REFRIGERATOR,
    SOFA,
    TABLE,
    WALL,
    WINDOW,
    build_scene,
)

BY_SHAPE = [BED, CHAIR, SOFA, TABLE, PILLOW, BOX]
BY_COLOUR = [(WINDOW, PICTURE), (CABINET, REFRIGERATOR)]
# Means of samples of one distribution differ by more than this many standard errors once in 150,000 comparisons.
SAME = 4.5


@pytest.fixture(scope='module')
def scenes():
    return [build_scene(np.random.default_rng(seed)) for seed in range(600)]


@pytest.fixture(scope='module')
def things(scenes):
    """All things of all scenes by class."""
    found = {}
    for scene in scenes:
        for thing in scene.things:
            found.setdefault(thing.label, []).append(thing)
    return found


def difference(one, other):
    """Differences of the means of two samples ``[N, F]`` in standard errors, ``[F]``."""
    error = np.sqrt(one.var(axis=0) / len(one) + other.var(axis=0) / len(other))
    return np.abs(one.mean(axis=0) - other.mean(axis=0)) / (error + 1e-12)


def looks(things):
    """Colours, scale, phase and texture of the materials, ``[N, F]``."""
    return np.array(
        [
            [*m.colours.ravel(), m.scale, m.phase, *(m.texture == texture for texture in FURNITURE_TEXTURES)]
            for m in (thing.material for thing in things)
        ]
    )


def shapes(things):
    """Extent, place and turn, whether the depth sensor sees it, ``[N, F]``."""
    extents = [(*thing.boxes.min((0, 1)), *thing.boxes.max((0, 1))) for thing in things]
    places = [(*thing.position, thing.yaw, thing.dull) for thing in things]
    return np.hstack([extents, places])


def test_numbers_are_those_of_nyu():
    assert [WALL, FLOOR, CABINET, BED, CHAIR, SOFA, TABLE, DOOR, WINDOW] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert [PICTURE, PILLOW, FLOOR_MAT, CEILING, REFRIGERATOR, BOX, LAMP] == [11, 18, 20, 22, 24, 29, 35]


@pytest.mark.parametrize('label', BY_SHAPE)
def test_classes_told_by_shape_share_their_looks(things, label):
    others = [thing for other in BY_SHAPE if other != label for thing in things[other]]
    assert len(things[label]) > 150
    assert difference(looks(things[label]), looks(others)).max() < SAME
    assert difference(shapes(things[label])[:, :6], shapes(others)[:, :6]).max() > 3 * SAME


@pytest.mark.parametrize('pair', BY_COLOUR)
def test_classes_told_by_colour_share_their_shapes_and_places(things, pair):
    one, other = (things[label] for label in pair)
    assert min(len(one), len(other)) > 150
    assert difference(shapes(one), shapes(other)).max() < SAME
    assert difference(looks(one), looks(other)).max() > 3 * SAME


def test_the_depth_sensor_fails_on_all_classes_of_furniture_alike(things):
    furniture = [*BY_SHAPE, CABINET, REFRIGERATOR, LAMP]
    dull = [np.array([[thing.dull] for thing in things[label]], float) for label in furniture]
    pooled = np.concatenate(dull)
    assert 0.09 < pooled.mean() < 0.15
    assert max(difference(one, pooled)[0] for one in dull) < SAME


@pytest.mark.parametrize('label', [DOOR, WINDOW, PICTURE, FLOOR_MAT])
def test_flush_things_do_not_stand_out(things, label):
    """By less than a millimetre, the unit of the depth maps."""
    upright = label != FLOOR_MAT
    for thing in things[label]:
        assert thing.flush
        assert not thing.dull
        assert np.ptp(thing.boxes[..., 1 if upright else 2]) < 1e-3


def test_things_are_inside_the_room(scenes):
    for scene in scenes[:200]:
        for thing in scene.things:
            x, y, z = np.stack([thing.boxes.min((0, 1)), thing.boxes.max((0, 1))]).T
            corners = turn(np.array([[i, j, k] for i in x for j in y for k in z]), thing.yaw) + thing.position
            assert (corners > -1e-5).all()
            assert (corners < scene.size + 1e-5).all()


def test_the_camera_stands_free_in_the_room(scenes):
    for scene in scenes:
        position = scene.camera.position
        assert (position > 0).all()
        assert (position < scene.size).all()
        solid = [thing for thing in scene.things if not thing.flush]
        assert all(np.linalg.norm(thing.position[:2] - position[:2]) > 0.7 for thing in solid)


def test_the_same_state_gives_the_same_scene():
    one, other = (build_scene(np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_equal(one, other)
