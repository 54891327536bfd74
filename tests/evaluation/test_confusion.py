"""Shares by hand, and what the picture shows of them."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from fdkd.evaluation.confusion import confusion_figure, row_shares, write_confusion

COUNTS = np.array([[3, 1, 0], [0, 0, 0], [5, 0, 995]])


def test_rows_are_shares_of_their_class():
    nan = np.nan
    assert row_shares(COUNTS) == pytest.approx(np.array([[75, 25, 0], [nan, nan, nan], [0.5, 0, 99.5]]), nan_ok=True)


def names(count):
    return [f'class {index}' for index in range(count)]


def test_matrices_stand_side_by_side_with_names_and_figures():
    figure = confusion_figure({'student (audio)': COUNTS, 'teacher (visual)': COUNTS.T}, names(3))
    panels = figure.axes[:2]
    assert [panel.get_title() for panel in panels] == ['student (audio)', 'teacher (visual)']
    for panel, counts in zip(panels, (COUNTS, COUNTS.T), strict=True):
        shown = panel.images[0].get_array().filled(np.nan)
        assert np.array_equal(shown, row_shares(counts), equal_nan=True)
        assert panel.images[0].get_clim() == (0, 100)
        assert [label.get_text() for label in panel.get_yticklabels()] == names(3)
        assert [label.get_text() for label in panel.get_xticklabels()] == names(3)
    written = {text.get_position(): text.get_text() for text in panels[0].texts}  # (column, row): %
    assert written == {(0, 0): '75', (1, 0): '25', (2, 2): '100'}  # 0.5 % and less stay empty


@pytest.mark.parametrize(('classes', 'named', 'written'), [(12, True, True), (50, True, False), (309, False, False)])
def test_names_and_figures_stand_where_they_can_be_read(classes, named, written):
    panel = confusion_figure({'student': np.eye(classes, dtype=int)}, names(classes)).axes[0]
    texts = [label.get_text() for label in panel.get_yticklabels()]
    assert (names(classes)[-1] in texts) is named
    assert bool(panel.texts) is written


@pytest.mark.parametrize(('classes', 'models'), [(5, 1), (5, 2), (50, 1), (50, 2)])
def test_nothing_overlaps_and_nothing_is_cut_off(classes, models):
    long = [f'a rather long name of the class {index}' for index in range(classes)]
    figure = confusion_figure({f'model {index}': np.eye(classes, dtype=int) for index in range(models)}, long)
    figure.draw_without_rendering()
    left = 0
    for panel in figure.axes[:models]:
        boxes = [label.get_window_extent() for label in panel.get_yticklabels()]
        assert len(boxes) == classes
        assert all(upper.y0 >= lower.y1 - 0.5 for upper, lower in pairwise(boxes))
        assert min(box.x0 for box in boxes) >= left
        assert min(label.get_window_extent().y0 for label in panel.get_xticklabels()) >= 0
        assert panel.get_window_extent().width >= 0.8 * figure.dpi * min(8, max(3, 0.16 * classes))
        left = panel.get_window_extent().x1


def test_the_file_is_a_picture_whose_empty_row_is_grey(tmp_path):
    path = tmp_path / 'confusion.png'
    write_confusion(path, {'student': np.array([[0, 0], [0, 9]])}, ['a', 'b'])
    with Image.open(path) as image:
        assert image.format == 'PNG'
        pixels = np.asarray(image.convert('RGB')).reshape(-1, 3)
    dark_blue, light_grey = np.array([8, 48, 107]), np.array([211, 211, 211])
    right, void = ((pixels == colour).all(1).sum() for colour in (dark_blue, light_grey))
    assert void == pytest.approx(2 * right, rel=0.1)  # two cells of one size
    assert [file.name for file in tmp_path.iterdir()] == ['confusion.png']
