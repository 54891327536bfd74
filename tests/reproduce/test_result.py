"""What a filled table knows of its cells, and what it refuses."""

import math

import pytest

from fdkd.reproduce.result import Cell, Comparison, Interval, ResultTable, Row

ABOVE, BELOW, ACROSS = Interval(0.1, 4.0), Interval(-4.0, -0.1), Interval(-1.0, 2.0)


@pytest.mark.parametrize(
    ('over_seeds', 'over_samples', 'noise'),
    [
        (None, None, True),
        (ABOVE, None, False),
        (None, BELOW, False),
        (ABOVE, ABOVE, False),
        (ABOVE, ACROSS, True),
        (ACROSS, ABOVE, True),
        (ACROSS, None, True),
        (Interval(0.0, 3.0), ABOVE, True),
        (ABOVE, Interval(-3.0, 0.0), True),
        (Interval(0.0, 0.0), None, True),
    ],
)
def test_a_difference_is_noise_unless_every_known_interval_excludes_zero(over_seeds, over_samples, noise):
    assert Comparison(1.0, over_seeds, over_samples).within_noise is noise


@pytest.mark.parametrize('ends', [(1.0, 0.0), (math.nan, 1.0), (0.0, math.nan)])
def test_an_interval_has_ends_in_order(ends):
    with pytest.raises(ValueError, match='low <= high'):
        Interval(*ends)


def test_cells_average_their_finished_seeds():
    cell = Cell((50.0, 53.0, 56.0), planned=3)
    assert (cell.mean, cell.std, cell.finished) == (53.0, 3.0, True)  # n - 1 in the denominator
    cell = Cell((50.0, 53.0), planned=3, failed=1)
    assert (cell.mean, cell.finished) == (51.5, False)
    assert cell.std == pytest.approx(3 / math.sqrt(2))
    single, empty = Cell((50.0,), planned=1), Cell((), planned=2)
    assert (single.mean, single.std, single.finished) == (50.0, None, True)
    assert (empty.mean, empty.std, empty.finished) == (None, None, False)


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_a_seed_without_a_figure_is_refused(value):
    with pytest.raises(ValueError, match='not finished'):
        Cell((50.0, value), planned=2)


@pytest.mark.parametrize(('values', 'planned', 'failed'), [((1.0, 2.0), 1, 0), ((1.0,), 1, 1), ((), 0, 0), ((), 2, -1)])
def test_no_more_seeds_than_planned(values, planned, failed):
    with pytest.raises(ValueError, match=f'{len(values)} finished and {failed} failed seeds of {planned} planned'):
        Cell(values, planned, failed=failed)


@pytest.mark.parametrize(
    'row', [Row(('a',), ()), Row((), (None,)), Row(('a', 'b'), (None,)), Row(('a',), (None, None))]
)
def test_rows_fit_the_table(row):
    with pytest.raises(ValueError, match='1 heads and 1 columns'):
        ResultTable('title', ('method',), ('audio',), (Row(('a',), (None,)), row), '')


def test_columns_differ():
    with pytest.raises(ValueError, match='titles that differ'):
        ResultTable('title', ('audio',), ('audio',), (), '')
