"""Places, words and footnotes, which all forms share."""

from dataclasses import replace

import pytest

from fdkd.reproduce.render.view import places, view
from fdkd.reproduce.result import Cell, Comparison, Interval, ResultTable, Row


def one_column(*cells, ranked=None):
    ranked = ranked or [True] * len(cells)
    rows = tuple(
        Row((str(index),), (cell,), rank) for index, (cell, rank) in enumerate(zip(cells, ranked, strict=True))
    )
    return ResultTable('title', ('method',), ('audio',), rows, 'caption')


def column_places(*means, **options):
    return [place for (place,) in places(one_column(*(Cell((mean,), 1) for mean in means), **options))]


@pytest.mark.parametrize(
    ('means', 'expected'),
    [
        ((50.0, 60.0, 55.0), [None, 1, 2]),
        ((60.0, 60.0, 55.0, 55.0, 50.0), [1, 1, 2, 2, None]),  # ties share, the next is the second
        ((60.01, 60.04, 59.9), [1, 1, 2]),  # equal as printed
        ((60.04, 60.06), [2, 1]),  # 60.0 and 60.1
        ((9.9, 10.0, 100.0), [None, 2, 1]),  # as numbers, not as texts
        ((60.0, 60.0), [1, 1]),
        ((60.0,), [None]),  # nothing to compare with
        ((), []),
    ],
)
def test_best_and_second(means, expected):
    assert column_places(*means) == expected


def test_a_matrix_has_one_best():
    rows = tuple(
        Row((str(low),), tuple(Cell((mean,), 1) for mean in means))
        for low, means in enumerate(((60.0, 55.0), (58.0, 61.0)))
    )
    matrix = ResultTable('title', ('low',), ('high 1', 'high 2'), rows, 'caption', matrix=True)
    assert places(matrix) == [(2, None), (None, 1)]
    assert view(matrix).legend('*', '_') == [
        '*: best of the table, _: second (cells with all seeds, compared as printed)'
    ]
    assert places(replace(matrix, matrix=False)) == [(1, 2), (2, 1)]


def test_unranked_rows_have_no_place():
    assert column_places(99.0, 60.0, 55.0, ranked=[False, True, True]) == [None, 1, 2]
    assert column_places(99.0, 60.0, ranked=[False, True]) == [None, None]


@pytest.mark.parametrize(
    'rival', [None, Cell((), 2), Cell((99.0,), 2), Cell((99.0,), 2, failed=1), Cell((), 2, failed=2)]
)
def test_only_finished_cells_have_a_place(rival):
    table = one_column(Cell((60.0, 62.0), 2), rival, Cell((55.0, 55.0), 2))
    assert places(table) == [(1,), (None,), (2,)]


def test_a_table_without_runs():
    table = one_column(Cell((), 3), None, Cell((), 3))
    assert places(table) == [(None,)] * 3
    assert [cell.figure for _, (cell,) in view(table).rows] == ['-', 'n/a', '-']
    assert view(table).legend('*', '_') == ['-: not run', 'n/a: does not apply']
    empty = ResultTable('title', ('method',), (), (Row(('a',), ()),), '')
    assert places(empty) == [()]
    assert view(empty).rows == ((('a',), ()),)


NOISE, CLEAR = Comparison(1.0), Comparison(1.0, Interval(0.5, 1.5))


@pytest.mark.parametrize(
    ('cell', 'figure', 'remarks'),
    [
        (Cell((54.0, 63.5, 54.5), 3), '57.3 ± 5.3', ()),
        (Cell((54.0, 63.5, 54.5), 3, 64.1, CLEAR), '57.3 ± 5.3', ('[64.1]',)),
        (Cell((54.0, 63.5), 3, 64.1, NOISE), '58.8 ± 6.7', ('≈', '(2 of 3)', '[64.1]')),
        (Cell((54.0,), 3, failed=1), '54.0', ('(1 of 3, 1 failed)',)),
        (Cell((54.0,), 1, comparison=NOISE), '54.0', ('≈',)),
        (Cell((), 3, 64.1), '-', ('[64.1]',)),
        (Cell((), 3, failed=1), 'failed', ()),
        (None, 'n/a', ()),
    ],
)
def test_cells_in_words(cell, figure, remarks):
    ((_, (shown,)),) = view(one_column(cell)).rows
    assert (shown.figure, shown.remarks) == (figure, remarks)


def test_footnotes_are_numbered_in_reading_order(table):
    shown = view(table)
    assert shown.footnotes == ('resumed', '50 % of it')
    assert [[cell.footnotes for cell in cells] for _, cells in shown.rows][2:] == [[(1,), ()], [(1, 2), ()]]


def test_the_header_tells_where_the_paper_has_figures(table):
    assert view(table).header == ('method', 'CREMA-D A [paper]', 'AVE V')  # and a line break is a space


def test_the_legend_explains_what_occurs_and_nothing_else(table):
    assert view(table).legend('bold', 'underlined') == [
        'mean ± standard deviation over seeds',
        "[ ]: the paper's figure",
        'bold: best of a column, underlined: second (cells with all seeds, compared as printed)',
        '≈: within noise of the student alone (a 95 % interval of the difference contains 0, or none is known)',
        '(2 of 3): two of three seeds are finished',
        '-: not run',
        'n/a: does not apply',
    ]
    assert view(one_column(Cell((60.0,), 1))).legend('bold', 'underlined') == []
