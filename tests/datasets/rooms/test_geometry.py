"""Rays against pinhole arithmetic, and boxes against their six faces tried one by one."""

import numpy as np
import pytest

from fdkd.datasets.rooms.geometry import Camera, enter_box, leave_box, look, pass_near, turn

BOX = np.array([[-0.5, 0.2, -0.3], [0.7, 1.1, 0.4]])


@pytest.fixture
def directions():
    return np.random.default_rng(0).normal((0, 2, 0), 1, size=(2000, 3))


def crossings(origin, direction, box):
    """Where one ray pierces the six rectangles of a box, nearest first, as (ray parameter, axis)."""
    found = []
    for axis in range(3):
        for plane in box[:, axis]:
            t = (plane - origin[axis]) / direction[axis]
            others = [i for i in range(3) if i != axis]
            point = origin + t * direction
            if t > 0 and all(box[0, i] <= point[i] <= box[1, i] for i in others):
                found.append((t, axis))
    return sorted(found)


def test_enter_box_equals_the_faces_one_by_one(directions):
    origin = np.array([0.1, -1.5, 0.2])
    distance, axis = enter_box(origin, directions, BOX)
    expected = [crossings(origin, direction, BOX) for direction in directions]
    hit = np.array([bool(found) for found in expected])
    assert 0.1 < hit.mean() < 0.9
    assert np.isinf(distance[~hit]).all()
    np.testing.assert_allclose(distance[hit], [found[0][0] for found in expected if found], rtol=1e-12)
    np.testing.assert_array_equal(axis[hit], [found[0][1] for found in expected if found])


def test_leave_box_equals_the_faces_one_by_one(directions):
    origin = BOX.mean(axis=0)
    distance, axis = leave_box(origin, directions, BOX)
    expected = [crossings(origin, direction, BOX)[0] for direction in directions]
    np.testing.assert_allclose(distance, [t for t, _ in expected], rtol=1e-12)
    np.testing.assert_array_equal(axis, [a for _, a in expected])


def test_nothing_is_entered_from_inside_or_behind():
    ahead = np.array([[0.0, 1.0, 0.0]])
    assert np.isinf(enter_box(BOX.mean(axis=0), ahead, BOX)[0]).all()
    assert np.isinf(enter_box(np.array([0.0, 2.0, 0.0]), ahead, BOX)[0]).all()


def test_rays_parallel_to_faces():
    distance, axis = enter_box(np.array([0.0, -1.0, 0.0]), np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), BOX)
    assert distance.tolist() == [pytest.approx(1.2), np.inf]
    assert axis[0] == 1


@pytest.mark.parametrize('origin', [(0.1, -1.5, 0.2), (0.1, 0.7, 0.1), (3.0, 2.0, 0.0)])
def test_no_ray_that_meets_a_box_passes_its_sphere_by(directions, origin):
    centre, radius = BOX.mean(axis=0), np.linalg.norm(BOX[1] - BOX[0]) / 2
    near = pass_near(np.array(origin), directions, centre, radius)
    assert near[np.isfinite(enter_box(np.array(origin), directions, BOX)[0])].all()


def test_rays_beside_a_sphere_and_away_from_it_pass_by():
    directions = np.array([[0.0, 2.0, 0.0], [0.0, -1.0, 0.0], [0.6, 1.0, 0.0], [0.5, 1.0, 0.0]])
    # Seen from 2 away, a sphere of radius 1 covers slopes up to 1 / sqrt(3) = 0.577.
    near = pass_near(np.zeros(3), directions, np.array([0.0, 2.0, 0.0]), 1.0)
    assert near.tolist() == [True, False, False, True]


def test_a_ray_advances_by_one_along_the_optical_axis():
    camera = Camera(np.zeros(3), look(0.4, -0.3, 0.1), focal=0.8)
    rays = camera.rays(8, 6)
    assert rays.shape == (48, 3)
    np.testing.assert_allclose(rays @ camera.rotation[:, 2], 1)
    # Row 4, column 1 is centred 2.5 pixels left of and 1.5 below the middle; the focal length is 6.4 pixels.
    np.testing.assert_allclose(rays[4 * 8 + 1] @ camera.rotation, [-2.5 / 6.4, 1.5 / 6.4, 1])


def test_look_is_a_rotation_that_turns_right_and_up_and_clockwise():
    rotation = look(0.5, 0.2, 0.1)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(look(0, 0, 0).T, [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-12)
    np.testing.assert_allclose(look(np.pi / 2, 0, 0)[:, 2], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(look(0, np.pi / 2, 0)[:, 2], [0, 0, 1], atol=1e-12)
    assert look(0, 0, 0.1)[2, 0] < 0


def test_turn_is_counter_clockwise_seen_from_above():
    np.testing.assert_allclose(turn(np.array([1.0, 2.0, 3.0]), np.pi / 2), [-2, 1, 3], atol=1e-12)
    vectors = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(turn(turn(vectors, 0.7), -0.7), vectors)
