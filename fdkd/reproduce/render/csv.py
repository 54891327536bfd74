"""A filled table in long form for programs: one line a cell."""

import csv
import io
from typing import Any

from fdkd.reproduce.render.view import one_line, places
from fdkd.reproduce.result import Cell, Interval, ResultTable

FIELDS = (
    'column',
    'state',
    'mean',
    'std',
    'seeds',
    'planned',
    'failed',
    'values',
    'place',
    'paper',
    'difference',
    'seeds_low',
    'seeds_high',
    'samples_low',
    'samples_high',
    'within_noise',
    'marks',
)


def render(table: ResultTable) -> str:
    """The table as CSV, then its texts as lines that begin with ``#`` (``pandas.read_csv(..., comment='#')``).

    After the heads of the table come, for each cell: ``column``, its title; ``state``: finished, unfinished, failed
    (none finished, at least one failed), not run or not applicable; ``mean`` and ``std`` over seeds; the numbers of
    ``seeds`` that are finished, ``planned`` and ``failed``; the ``values`` of the seeds with ``;`` between; its
    ``place`` in the column or matrix, 1, 2 or none; the ``paper``'s figure; the ``difference`` to the student alone,
    its intervals (95 %) over seeds and over test samples, and whether it is ``within_noise``; the texts of its
    ``marks``.
    Figures are in % and points, with up to four decimals; what is not known is empty.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, (*table.heads, *FIELDS), restval='', lineterminator='\n')
    writer.writeheader()
    for row, row_places in zip(table.rows, places(table), strict=True):
        labels = dict(zip(table.heads, map(one_line, row.labels), strict=True))
        for column, cell, place in zip(table.columns, row.cells, row_places, strict=True):
            writer.writerow({**labels, 'column': one_line(column), **_cell(cell), 'place': place})
    texts = filter(None, (table.title, table.caption, *table.notes))
    return stream.getvalue() + ''.join(f'# {one_line(text)}\n' for text in texts)


def _cell(cell: Cell | None) -> dict[str, Any]:
    if cell is None:
        return {'state': 'not applicable'}
    fields = {
        'state': _state(cell),
        'mean': _rounded(cell.mean),
        'std': _rounded(cell.std),
        'seeds': len(cell.values),
        'planned': cell.planned,
        'failed': cell.failed,
        'values': ';'.join(str(_rounded(value)) for value in cell.values),
        'paper': cell.paper,
        'marks': '; '.join(map(one_line, cell.marks)),
    }
    if cell.comparison is not None:
        fields['difference'] = _rounded(cell.comparison.difference)
        fields['within_noise'] = cell.comparison.within_noise
        fields |= _ends('seeds', cell.comparison.over_seeds) | _ends('samples', cell.comparison.over_samples)
    return fields


def _state(cell: Cell) -> str:
    if cell.finished:
        return 'finished'
    if cell.values:
        return 'unfinished'
    return 'failed' if cell.failed else 'not run'


def _ends(name: str, interval: Interval | None) -> dict[str, float]:
    return {f'{name}_low': _rounded(interval.low), f'{name}_high': _rounded(interval.high)} if interval else {}


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 4)
