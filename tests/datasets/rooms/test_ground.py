"""Places are inside the room, free, and with the back to the wall where that is asked for."""

import numpy as np
import pytest

from fdkd.datasets.rooms.geometry import turn
from fdkd.datasets.rooms.ground import Ground

SIZE = np.array([4.0, 5.0, 2.5])
TAKEN = (1.5, 0.0, 2.5, 1.0)
SHELF = np.array([[[-0.5, -0.2, 0.0], [0.5, 0.2, 1.0]]])


@pytest.fixture
def ground():
    return Ground(np.random.default_rng(0), SIZE, TAKEN)


def corners(boxes, place):
    """Floor corners ``[4, 2]`` of a thing in the room."""
    low, high = boxes.min(axis=(0, 1)), boxes.max(axis=(0, 1))
    local = np.array([[low[0], low[1], 0], [high[0], low[1], 0], [high[0], high[1], 0], [low[0], high[1], 0]])
    return (turn(local, place.yaw) + place.position)[:, :2]


def apart(one, other):
    """Whether two convex polygons share no area: some side of one has all of the other beyond it."""
    for polygon, points in ((one, other), (other, one)):
        for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            side = end - start
            beyond = side[0] * (points[:, 1] - start[1]) - side[1] * (points[:, 0] - start[0])
            if (beyond <= 1e-9).all():
                return True
    return False


@pytest.mark.parametrize('method', ['against_wall', 'anywhere'])
def test_places_are_free_and_inside(ground, method):
    places = [place for _ in range(40) if (place := getattr(ground, method)(SHELF))]
    assert 3 < len(places) < 40
    x0, y0, x1, y1 = TAKEN
    areas = [np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]), *(corners(SHELF, place) for place in places)]
    for number, area in enumerate(areas):
        assert (area > -1e-5).all()
        assert (area < SIZE[:2] + 1e-5).all()
        assert all(apart(area, other) for other in areas[:number])


@pytest.mark.parametrize('method', ['against_wall', 'on_wall'])
def test_the_back_touches_a_wall_and_the_front_looks_into_the_room(method):
    walls = set()
    for seed in range(30):
        place = getattr(Ground(np.random.default_rng(seed), SIZE, TAKEN), method)(SHELF)
        back = turn(np.array([0.0, 0.2, 0.0]), place.yaw) + place.position
        touching = np.isclose(back[0], 0), np.isclose(back[0], SIZE[0]), np.isclose(back[1], SIZE[1])
        assert any(touching)
        walls.add(touching.index(True))
        front = turn(np.array([0.0, -1.0, 0.0]), place.yaw) + place.position
        assert (front[:2] > 0).all()
        assert (front[:2] < SIZE[:2]).all()
    assert walls == {0, 1, 2}


def test_things_on_one_wall_never_overlap(ground):
    spans = {}
    while place := ground.on_wall(SHELF):
        spans.setdefault(place.yaw, []).append(place.position[0 if place.yaw == 0 else 1])
    assert sum(map(len, spans.values())) > 6
    assert all(np.diff(sorted(span)).min() >= 1 for span in spans.values() if len(span) > 1)


def test_clear_ground_stays_free_of_furniture(ground):
    place = ground.on_wall(SHELF, clear=1.5)
    before = SHELF - [[[0.0, 1.5, 0.0], [0.0, 0.0, 0.0]]]
    while other := ground.anywhere(SHELF):
        assert apart(corners(before, place), corners(SHELF, other))


def test_a_thing_that_fits_nowhere_has_no_place(ground):
    assert ground.anywhere(6 * SHELF) is None
