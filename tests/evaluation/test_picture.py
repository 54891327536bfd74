"""Colours of labels and depth by hand, and the file that they end in."""

import numpy as np
import pytest
from PIL import Image

from fdkd.evaluation.picture import colourise, depth_image, write_picture

PALETTE = [[255, 0, 0], [0, 255, 0], [0, 0, 9]]


def test_labels_get_their_colours_and_void_is_black():
    label = np.array([[0, 1], [2, 255]])
    assert colourise(label, PALETTE).tolist() == [[[255, 0, 0], [0, 255, 0]], [[0, 0, 9], [0, 0, 0]]]
    assert np.array_equal(colourise(label.astype(np.uint8), PALETTE), colourise(label, PALETTE))


def test_near_is_light_far_is_dark_and_holes_are_black():
    depth = np.zeros((10, 103), np.float32)
    depth[:, 1:102] = np.linspace(1, 5, 101)  # 1 m to 5 m; the percentiles 1 and 99 are 1.04 m and 4.96 m
    picture = depth_image(depth)
    assert picture.dtype == np.uint8
    assert (picture[:, [0, 102]] == 0).all()
    assert (picture == picture[..., :1]).all()  # grey
    row = picture[0, 1:102, 0].astype(int)
    assert row[0] == row[1] == 255
    assert row[-1] == row[-2] == 40
    assert row[50] == pytest.approx(255 - 215 / 2, abs=1)
    assert (np.diff(row[1:-1]) < 0).all()


def test_outliers_do_not_set_the_scale():
    depth = np.tile(np.linspace(1, 2, 100, dtype=np.float32), (10, 1))
    reference = depth_image(depth)
    depth[0, 0] = 60000
    assert np.abs(depth_image(depth)[1:].astype(int) - reference[1:]).max() <= 2


@pytest.mark.parametrize(('value', 'shade'), [(0.0, 0), (3.0, 255)])
def test_constant_depth(value, shade):
    assert (depth_image(np.full((4, 5), value, np.float32)) == shade).all()


@pytest.fixture
def drawn(tmp_path):
    """Draws frames of one plain colour per column and returns the picture's pixels."""

    def draw(labels, titles=('RGB', 'truth', 'student')):
        colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
        columns = {
            title: [np.full((24, 32, 3), colour, np.uint8) for _ in labels]
            for title, colour in zip(titles, colours, strict=False)
        }
        path = tmp_path / 'picture.png'
        write_picture(path, columns, labels, ('one', 'two', 'three'), PALETTE)
        assert [file.name for file in tmp_path.iterdir()] == ['picture.png']
        with Image.open(path) as image:
            return np.asarray(image.convert('RGB'))

    return draw


def count(picture, colour):
    return int((picture == colour).all(-1).sum())


def test_the_file_grows_with_the_grid(drawn):
    titles = ('RGB', 'truth', 'student')
    sizes = {
        (rows, columns): drawn([np.zeros((24, 32), int)] * rows, titles[:columns]).shape[:2]
        for rows, columns in ((1, 3), (2, 3), (3, 1))
    }
    legend = sizes[1, 3][0] - 200
    assert 0 < legend <= 100
    assert sizes == {(rows, columns): (200 * rows + legend, 260 * columns) for rows, columns in sizes}


def test_columns_stand_side_by_side_in_order(drawn):
    picture = drawn([np.zeros((24, 32), int)] * 2)
    xs = [np.nonzero((picture == colour).all(-1))[1] for colour in ([200, 30, 30], [30, 200, 30], [30, 30, 200])]
    assert xs[0].max() < xs[1].min() <= xs[1].max() < xs[2].min()
    assert all(len(x) > 2 * 100 * 100 for x in xs)  # two frames of a size that can be seen


def test_the_legend_shows_the_classes_that_occur(drawn):
    label = np.zeros((24, 32), int)
    label[:3] = 2
    label[5] = 255
    picture = drawn([label])
    assert count(picture, PALETTE[0]) > 50
    assert count(picture, PALETTE[2]) > 50
    assert count(picture, PALETTE[1]) == 0


def test_frames_of_void_have_an_empty_legend(drawn):
    picture = drawn([np.full((24, 32), 255)])
    assert not any(count(picture, colour) for colour in PALETTE)
