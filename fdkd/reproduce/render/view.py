"""What every form of a table says, before its markup: words, places, footnotes, and the meaning of the signs."""

from collections.abc import Sequence
from dataclasses import dataclass

from fdkd.printable import printable
from fdkd.reproduce.result import Cell, ResultTable

NOISE = '≈'
DECIMALS = 1


@dataclass(frozen=True)
class Shown:
    """A cell in words.

    Attributes:
        figure: ``'57.3 ± 5.3'``, ``'57.3'`` (one seed), ``'failed'``, ``'-'`` or ``'n/a'``.
        place: 1 for the best of its column, 2 for the second, else ``None``.
        remarks: What stands after the figure: ``≈``, ``(2 of 3)``, ``[64.1]``.
        footnotes: Their numbers, from 1.
    """

    figure: str
    place: int | None
    remarks: tuple[str, ...]
    footnotes: tuple[int, ...]


@dataclass(frozen=True)
class View:
    """A table in words.

    Attributes:
        title: One line.
        header: Titles of all columns; ``[paper]`` follows where the paper has a figure.
        labels: How many columns name the row.
        rows: Labels and cells of each row.
        caption: What the figures are.
        footnotes: Texts of footnotes 1, 2, ...
        notes: Further remarks.
        ranked: What the best is the best of.
    """

    title: str
    header: tuple[str, ...]
    labels: int
    rows: tuple[tuple[tuple[str, ...], tuple[Shown, ...]], ...]
    caption: str
    footnotes: tuple[str, ...]
    notes: tuple[str, ...]
    ranked: str

    def legend(self, best: str, second: str) -> list[str]:
        """What the signs that occur mean; ``best`` and ``second`` are those of the places."""
        shown = [cell for _, cells in self.rows for cell in cells]
        figures = {cell.figure for cell in shown}
        remarks = {remark[0] for cell in shown for remark in cell.remarks}
        meanings = {
            'mean ± standard deviation over seeds': any('±' in figure for figure in figures),
            "[ ]: the paper's figure": '[' in remarks,
            f'{best}: best of {self.ranked}, {second}: second (cells with all seeds, compared as printed)': any(
                cell.place for cell in shown
            ),
            f'{NOISE}: within noise of the student alone (a 95 % interval of the difference contains 0, '
            'or none is known)': NOISE in remarks,
            '(2 of 3): two of three seeds are finished': '(' in remarks,
            '-: not run': '-' in figures,
            'n/a: does not apply': 'n/a' in figures,
        }
        return [meaning for meaning, occurs in meanings.items() if occurs]


def view(table: ResultTable) -> View:
    """The table in words; line breaks in its texts become spaces."""
    cells = [cell for row in table.rows for cell in row.cells if cell is not None]
    footnotes = list(dict.fromkeys(mark for cell in cells for mark in cell.marks))  # in reading order
    by_paper = [any(cell is not None and cell.paper is not None for cell in column) for column in _columns(table)]
    columns = [f'{title} [paper]' if paper else title for title, paper in zip(table.columns, by_paper, strict=True)]
    return View(
        title=one_line(table.title),
        header=tuple(map(one_line, (*table.heads, *columns))),
        labels=len(table.heads),
        rows=tuple(
            (
                tuple(map(one_line, row.labels)),
                tuple(_shown(cell, place, footnotes) for cell, place in zip(row.cells, places_of_row, strict=True)),
            )
            for row, places_of_row in zip(table.rows, places(table), strict=True)
        ),
        caption=one_line(table.caption),
        footnotes=tuple(map(one_line, footnotes)),
        notes=tuple(map(one_line, table.notes)),
        ranked='the table' if table.matrix else 'a column',
    )


def places(table: ResultTable) -> list[tuple[int | None, ...]]:
    """Place of each cell ``[row][column]`` in its column, or in a whole matrix: 1 for the best mean, 2 for the next,
    else ``None``.

    Only finished cells of ranked rows take part, and only where there are two or more. Means are compared as printed.
    """
    means = [
        [
            float(_printed(cell.mean)) if row.ranked and cell is not None and cell.finished else None
            for cell in row.cells
        ]
        for row in table.rows
    ]
    if table.matrix:
        everything = [mean for row in means for mean in row]
        leading = [_leading(everything)] * len(table.columns)
    else:
        leading = [_leading(column) for column in zip(*means, strict=True)]
    return [
        tuple(best.index(mean) + 1 if mean in best else None for mean, best in zip(row, leading, strict=True))
        for row in means
    ]


def _leading(means: Sequence[float | None]) -> list[float]:
    """The best mean and the second, where there are two or more to compare."""
    known = [mean for mean in means if mean is not None]
    return sorted(set(known), reverse=True)[:2] if len(known) > 1 else []


def one_line(text: str) -> str:
    """``text`` with its line breaks as spaces, and other control characters as escapes."""
    return printable(' '.join(text.split()))


def _columns(table: ResultTable) -> list[list[Cell | None]]:
    return [[row.cells[index] for row in table.rows] for index in range(len(table.columns))]


def _shown(cell: Cell | None, place: int | None, footnotes: Sequence[str]) -> Shown:
    if cell is None:
        return Shown('n/a', None, (), ())
    remarks = []
    if cell.values and cell.comparison is not None and cell.comparison.within_noise:
        remarks.append(NOISE)
    if cell.values and not cell.finished:
        failed = f', {cell.failed} failed' if cell.failed else ''
        remarks.append(f'({len(cell.values)} of {cell.planned}{failed})')
    if cell.paper is not None:
        remarks.append(f'[{_printed(cell.paper)}]')
    numbers = tuple(sorted({footnotes.index(mark) + 1 for mark in cell.marks}))
    return Shown(_figure(cell), place, tuple(remarks), numbers)


def _figure(cell: Cell) -> str:
    if not cell.values:
        return 'failed' if cell.failed else '-'
    return _printed(cell.mean) if cell.std is None else f'{_printed(cell.mean)} ± {_printed(cell.std)}'


def _printed(figure: float) -> str:
    return f'{figure:.{DECIMALS}f}'
