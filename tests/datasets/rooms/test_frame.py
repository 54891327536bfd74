"""Frames: repeatable, and depth and labels that agree with the geometry of the scene."""

import numpy as np
import pytest

from fdkd.datasets.rooms import render_room
from fdkd.datasets.rooms.render import render
from fdkd.datasets.rooms.scene import CEILING, FLOOR, build_scene

SEEDS = range(5)


@pytest.fixture(scope='module', params=SEEDS)
def room(request):
    """A frame and the scene that it shows."""
    return render_room(request.param), build_scene(np.random.default_rng(request.param))


def test_types_and_sizes(room):
    (rgb, depth, label), _ = room
    assert (rgb.dtype, depth.dtype, label.dtype) == (np.uint8, np.uint16, np.uint8)
    assert (rgb.shape, depth.shape, label.shape) == ((96, 128, 3), (96, 128), (96, 128))
    assert label.max() <= 40


def test_the_same_seed_gives_the_same_bytes():
    one, other = (render_room(3) for _ in range(2))
    assert [part.tobytes() for part in one] == [part.tobytes() for part in other]


def test_another_seed_gives_another_room():
    one, other = render_room(3), render_room(4)
    assert all((a != b).mean() > 0.1 for a, b in zip(one, other, strict=True))


def test_another_size_shows_the_same_room():
    """Every pixel of the small picture is the centre of three by three of the large one, up to noise and outlines."""
    small, large = render_room(0, 32, 24), render_room(0, 96, 72)
    centre = tuple(part[1::3, 1::3] for part in large)
    both = (small.label > 0) & (centre[2] > 0)
    assert (small.label == centre[2])[both].all()
    seen = (small.depth > 0) & (centre[1] > 0)
    assert np.abs(small.depth.astype(float) - centre[1])[seen].max() < 300


def test_depth_is_the_distance_in_the_scene(room):
    frame, scene = room
    exact = render(scene, 128, 96).depth
    seen = frame.depth > 0
    error = frame.depth[seen] / 1000 - exact[seen]
    sigma = 0.0012 + 0.0019 * (exact[seen] - 0.4) ** 2
    assert (np.abs(error) < 5 * sigma + 0.0005).all()
    assert (error / sigma).std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(('label', 'level'), [(FLOOR, 0), (CEILING, 1)])
def test_floor_and_ceiling_are_where_they_belong(label, level):
    """Each pixel goes back into the room by its depth, with pinhole arithmetic of its own."""
    found = 0
    for seed in SEEDS:
        frame, scene = render_room(seed), build_scene(np.random.default_rng(seed))
        row, column = np.nonzero((frame.label == label) & (frame.depth > 0))
        z = frame.depth[row, column] / 1000
        focal = 128 * scene.camera.focal
        seen = np.stack([(column + 0.5 - 64) * z / focal, (row + 0.5 - 48) * z / focal, z])
        height = (scene.camera.rotation @ seen)[2] + scene.camera.position[2]
        np.testing.assert_allclose(height, level * scene.size[2], atol=0.12)
        if len(height):
            assert abs(height.mean() - level * scene.size[2]) < 0.01
        found += len(height)
    assert found > 200


def test_holes_are_a_plausible_share():
    """Of single frames 0.5 to 30 %, of all 3 to 12 %."""
    shares = np.array([(render_room(seed).depth == 0).mean() for seed in range(20)])
    assert shares.min() > 0.005
    assert shares.max() < 0.3
    assert 0.03 < shares.mean() < 0.12


def test_negative_seeds_are_refused():
    with pytest.raises(ValueError, match='non-negative'):
        render_room(-1)
