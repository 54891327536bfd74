"""A small table in which everything occurs that a cell can be."""

import pytest

from fdkd.reproduce.result import Cell, Comparison, Interval, ResultTable, Row


@pytest.fixture
def table():
    """Two columns, the first with figures of the paper."""
    noise = Comparison(4.0, Interval(-0.5, 8.5), Interval(1.0, 7.0))
    clear = Comparison(-3.125, None, Interval(-5.0, -1.25))
    rows = (
        Row(('teacher',), (Cell((90.0, 91.0), 2), Cell((80.0,), 1)), ranked=False),
        Row(('alone',), (Cell((60.0, 61.0), 2, paper=62.4), Cell((), 2))),
        Row(('Feat',), (Cell((64.0, 65.0), 2, 60.9, noise, ('resumed',)), Cell((), 2, failed=2))),
        Row(('a|b_c',), (Cell((70.0,), 3, None, clear, ('50 % of it', 'resumed'), 1), None)),
    )
    return ResultTable(
        'Table 1: accuracy (%)', ('method',), ('CREMA-D A', 'AVE\nV'), rows, 'Top-1.', ('Made with --jobs 2.',)
    )
