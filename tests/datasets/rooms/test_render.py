"""A room that can be computed by hand: one box, one mat and a camera that looks straight ahead."""

import numpy as np
import pytest

from fdkd.datasets.rooms.geometry import Camera, look
from fdkd.datasets.rooms.materials import Material
from fdkd.datasets.rooms.render import render
from fdkd.datasets.rooms.scene import BOX, CEILING, FLOOR, FLOOR_MAT, WALL, Scene, Thing

# No ray through a pixel centre meets an edge of this room exactly.
SIZE = np.array([4.02, 4.03, 2.51])
EYE = np.array([2.01, 0.5, 1.5])
FOCAL, WIDTH, HEIGHT = 0.4, 101, 75
CUBE = np.array([[[-0.5, -0.5, 0.0], [0.5, 0.5, 1.0]]])
PILLAR = np.array([[[-0.5, -0.5, 0.0], [0.5, 0.5, 2.0]]])
HOVERING = np.array([[[-0.5, -0.5, 1.0], [0.5, 0.5, 1.8]]])
MAT = np.array([[[-0.5, -0.5, 0.0], [0.5, 0.5, 1e-4]]])


def paint(level, glow=0.0):
    return Material('plain', np.full((3, 3), level), 1.0, 0.0, glow)


# Of floor, wall and ceiling.
PAINTS = (paint(0.2), paint(0.6), paint(0.9))


def box(position=(2.01, 3.0, 0.0), yaw=0.0, boxes=CUBE, glow=0.0, **kwargs):
    return Thing(BOX, boxes, np.array(position), yaw, paint(0.5, glow), **kwargs)


def room(*things, lamps=((2.01, 2.0, 2.2), (2.01, 2.0, 2.2)), materials=PAINTS):
    shell = dict(zip((FLOOR, WALL, CEILING), materials, strict=True))
    return Scene(SIZE, Camera(EYE, look(0, 0, 0), FOCAL), shell, list(things), np.array(lamps))


def see(*things, **kwargs):
    return render(room(*things, **kwargs), WIDTH, HEIGHT)


@pytest.fixture
def slopes():
    """Right and down per metre ahead, of each pixel: ``[H, W]`` each."""
    x = (np.arange(WIDTH) - 50) / (FOCAL * WIDTH)
    y = (np.arange(HEIGHT) - 37) / (FOCAL * WIDTH)
    return np.meshgrid(x, y)


def nearest_plane(slopes):
    """Depth and class of the empty room: the nearest of the planes that a ray runs towards."""
    x, y = slopes
    with np.errstate(divide='ignore'):
        side, back = 2.01 / np.abs(x), np.full(x.shape, 3.53)
        level = np.where(y > 0, 1.5, 1.01) / np.abs(y)
    walls = np.minimum(side, back)
    label = np.where(walls < level, WALL, np.where(y > 0, FLOOR, CEILING))
    return np.minimum(walls, level), label


def test_an_empty_room(slopes):
    depth, label = nearest_plane(slopes)
    view = see()
    np.testing.assert_allclose(view.depth, depth, rtol=1e-9)
    np.testing.assert_array_equal(view.label, label)
    assert {WALL, FLOOR, CEILING} == set(np.unique(label))


def test_a_box_that_faces_the_camera(slopes):
    """Its front is 2 m ahead, 1 m wide and from 0.5 m to 1.5 m below the eye; its top is seen from 2 m to 3 m."""
    x, y = slopes
    top = 0.5 / np.where(y > 0, y, 1e-9)
    front = (np.abs(x) * 2 < 0.5) & (y * 2 > 0.5) & (y * 2 < 1.5)
    lid = (top > 2) & (top < 3) & (np.abs(x) * top < 0.5)
    depth, label = nearest_plane(slopes)
    view = see(box())
    np.testing.assert_allclose(view.depth, np.where(front, 2.0, np.where(lid, top, depth)), rtol=1e-9)
    np.testing.assert_array_equal(view.label, np.where(front | lid, BOX, label))
    assert front.sum() > 300
    assert lid.sum() > 30


def test_a_box_on_its_corner():
    """Its nearest edge is half a diagonal before its centre, and its sides recede at 45 degrees."""
    view = see(box(yaw=np.pi / 4))
    edge = 2.5 - np.sqrt(0.5)
    assert view.depth[60, 50] == pytest.approx(edge, rel=1e-9)
    right = 5 / (FOCAL * WIDTH)
    # On the side, depth = edge + offset to the right, and offset = slope * depth.
    assert view.depth[60, 55] == pytest.approx(edge / (1 - right), rel=1e-9)
    assert view.depth[60, 45] == pytest.approx(view.depth[60, 55], rel=1e-9)


def test_the_nearer_thing_hides_the_other_whichever_comes_first():
    near, far = box((2.01, 2.0, 0.0)), box((2.4, 3.2, 0.0))
    one, other = see(near, far), see(far, near)
    np.testing.assert_array_equal(one.depth, other.depth)
    np.testing.assert_array_equal(one.region == 0, other.region == 1)
    assert one.depth[60, 50] == pytest.approx(1.0)
    assert {0, 1} < set(np.unique(one.region))


def test_facing_is_the_cosine_of_incidence(slopes):
    x, y = slopes
    view = see()
    length = np.sqrt(x**2 + y**2 + 1)
    back, floor = np.isclose(view.depth, 3.53), view.label == FLOOR
    np.testing.assert_allclose(view.facing[back], 1 / length[back])
    np.testing.assert_allclose(view.facing[floor], (y / length)[floor])


def test_a_mat_changes_colour_and_label_and_not_depth():
    bare = see()
    view = see(Thing(FLOOR_MAT, MAT, np.array([2.01, 2.6, 0.0]), 0.0, paint(0.8), flush=True))
    on_mat = view.label == FLOOR_MAT
    assert on_mat.sum() > 100
    assert (bare.label[on_mat] == FLOOR).all()
    np.testing.assert_allclose(view.depth, bare.depth, atol=1e-3)
    np.testing.assert_allclose(view.colour[on_mat] / bare.colour[on_mat], 4, rtol=1e-3)
    np.testing.assert_array_equal(view.colour[~on_mat], bare.colour[~on_mat])


def test_the_projector_on_the_right_leaves_a_shadow_on_the_left():
    """Cast by the near left edge of a pillar, at 2 m, onto the wall, at 3.53 m."""
    view = render(room(box(boxes=PILLAR)), 1601, 3)
    focal = FOCAL * 1601
    columns = np.flatnonzero(view.unlit[1])
    width = focal * 0.075 * (1 / 2 - 1 / 3.53)
    assert len(columns) == pytest.approx(width, abs=1)
    assert columns.max() == pytest.approx(800 - 0.25 * focal, abs=1)


def test_stripes_run_up_the_walls_and_away_on_floor_and_ceiling(slopes):
    """Bands of 0.4 m, counted to the right, and away from the viewer on the side walls."""
    stripes = Material('stripes', np.array([[0.2] * 3, [0.8] * 3, [0.8] * 3]), 0.4, 0.0)
    view, white = see(materials=[stripes] * 3), see(materials=[paint(1.0)] * 3)
    side = (view.label == WALL) & (view.depth < 3.53 - 1e-6)
    band = np.where(side, 0.5 + view.depth, 2.01 + slopes[0] * view.depth) / 0.4
    within = np.abs(band - np.round(band)) > 1e-3
    expected = np.where(np.floor(band) % 2, 0.8, 0.2)
    np.testing.assert_allclose((view.colour / white.colour)[within, 0], expected[within], rtol=1e-6)
    assert side.sum() > 300


def test_light_by_hand(slopes):
    """The floor below the lamp: all around 0.3 + 0.1 upwards, lamps of 1 and 0.35 at 2.2 m."""
    lamp = (2.01, 2.5, 2.2)
    view = see(lamps=(lamp, lamp))
    row = 68
    ahead = 1.5 / slopes[1][row, 50]
    distance = np.hypot(2.2, ahead - 2)
    expected = 0.4 + 1.35 * (2.2 / distance) / (1 + (distance / 2.5) ** 2)
    np.testing.assert_allclose(view.colour[row, 50], 0.2 * expected)


def test_the_first_lamp_casts_shadows_and_the_second_does_not():
    hovering = box((2.01, 2.5, 0.0), boxes=HOVERING)
    above, aside = (2.01, 2.5, 2.4), (0.3, 0.3, 2.4)
    bare, shaded = see(lamps=(above, aside)), see(hovering, lamps=(above, aside))
    below = (shaded.label == FLOOR) & (np.abs(shaded.depth - 2) < 0.3)
    below[:, :45], below[:, 56:] = False, False
    assert below.sum() > 20
    assert (shaded.colour[below] < 0.75 * bare.colour[below]).all()
    bare, shaded = see(lamps=(aside, above)), see(hovering, lamps=(aside, above))
    assert (shaded.colour[below] > 0.75 * bare.colour[below]).all()


def test_things_that_glow_need_no_lamp():
    view = see(box(glow=0.7))
    np.testing.assert_allclose(view.colour[view.label == BOX], 0.5 * 0.7)


def test_dull_things_are_marked():
    view = see(box(dull=True))
    np.testing.assert_array_equal(view.dull, view.label == BOX)
