"""The picture of a table: what is drawn where."""

import pytest

from fdkd.reproduce.render.picture import points_figure
from fdkd.reproduce.result import ResultTable, Row


def drawn(panel, marker):
    """Where marks of a kind are: by row the values."""
    lines = [line for line in panel.lines if line.get_marker() == marker]
    return {int(line.get_ydata()[0]): list(map(float, line.get_xdata())) for line in lines if len(line.get_xdata())}


def test_every_run_is_a_dot_on_its_line(table):
    first, second = points_figure(table).axes
    assert drawn(first, 'o') == {0: [90.0, 91.0], 1: [60.0, 61.0], 2: [64.0, 65.0], 3: [70.0]}
    assert drawn(second, 'o') == {0: [80.0]}


def test_means_and_the_papers_figures(table):
    first, second = points_figure(table).axes
    assert drawn(first, '|') == {0: [90.5], 1: [60.5], 2: [64.5], 3: [70.0]}
    assert drawn(first, 'D') == {1: [62.4], 2: [60.9]}
    assert drawn(second, 'D') == {}


def test_rows_and_columns_are_named_from_top_to_bottom(table):
    figure = points_figure(table)
    first, second = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == ['teacher', 'alone', 'Feat', 'a|b_c']
    assert first.get_ylim() == (3.5, -0.5)
    assert (first.get_title(), second.get_title()) == ('CREMA-D A', 'AVE\nV')
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ['one seed', 'mean', 'the paper']


def test_crosses_are_named_after_their_heads():
    rows = tuple(Row(labels, (None,)) for labels in (('', ''), ('x', ''), ('x', 'x')))
    table = ResultTable('Table 3', ('Freq', 'Align'), ('grid',), rows, '')
    (panel,) = points_figure(table).axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ['-', 'Freq', 'Freq, Align']


@pytest.mark.parametrize(('baseline', 'lines'), [(1, [60.5]), (None, [])])
def test_a_line_marks_the_baseline(table, baseline, lines):
    first, second = points_figure(table, baseline).axes
    dotted = [line for line in first.lines if line.get_linestyle() == ':']
    assert [line.get_xdata()[0] for line in dotted] == lines
    assert not [line for line in second.lines if line.get_linestyle() == ':']  # no run of it yet
