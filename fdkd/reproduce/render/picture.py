"""A filled table as a picture: every run a dot."""

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fdkd.reproduce.result import Cell, ResultTable

_DOT, _MEAN, _PAPER = '#0072B2', '#000000', '#D55E00'


def points_figure(table: ResultTable, baseline: int | None = None) -> Figure:
    """One panel a column, one line a row: a dot for each seed, a bar at their mean, a diamond at the paper's figure.

    Args:
        table: What to show. Rows without a figure stay empty.
        baseline: Number of the row with which others are compared; a line marks its mean.
    """
    figure = Figure(figsize=(2.6 + 2.6 * len(table.columns), 1.3 + 0.24 * len(table.rows)), layout='constrained')
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(table.columns), sharey=True, squeeze=False)[0]
    for number, (panel, column) in enumerate(zip(panels, table.columns, strict=True)):
        cells = [row.cells[number] for row in table.rows]
        for place, cell in enumerate(cells):
            if cell is not None:
                _draw(panel, place, cell)
        mean = cells[baseline].mean if baseline is not None and cells[baseline] is not None else None
        if mean is not None:
            panel.axvline(mean, color='grey', linewidth=1, linestyle=':', zorder=0)
        panel.set_title(column)
        panel.set_xlabel('%')
        panel.grid(axis='y', alpha=0.25)
        panel.spines[['top', 'right']].set_visible(False)
    panels[0].set_yticks(range(len(table.rows)), [_name(table.heads, row.labels) for row in table.rows])
    panels[0].set_ylim(len(table.rows) - 0.5, -0.5)
    figure.legend(handles=_legend(table), loc='outside lower center', ncols=3, frameon=False)
    return figure


def _name(heads: tuple[str, ...], labels: tuple[str, ...]) -> str:
    """A row's labels in one; a cross stands for the head above it."""
    named = [head if label == 'x' else label for head, label in zip(heads, labels, strict=True) if label]
    return ', '.join(named) or '-'


def _draw(panel: Axes, place: int, cell: Cell) -> None:
    panel.plot(cell.values, [place] * len(cell.values), 'o', color=_DOT, markersize=4, alpha=0.7)
    if cell.mean is not None:
        panel.plot([cell.mean], [place], '|', color=_MEAN, markersize=11, markeredgewidth=1.8)
    if cell.paper is not None:
        panel.plot([cell.paper], [place], 'D', color=_PAPER, markersize=5, fillstyle='none')


def _legend(table: ResultTable) -> list[Line2D]:
    known = {
        'one seed': {'marker': 'o', 'color': _DOT, 'markersize': 4, 'alpha': 0.7},
        'mean': {'marker': '|', 'color': _MEAN, 'markersize': 11, 'markeredgewidth': 1.8},
        'the paper': {'marker': 'D', 'color': _PAPER, 'markersize': 5, 'fillstyle': 'none'},
    }
    if not any(cell and cell.paper is not None for row in table.rows for cell in row.cells):
        del known['the paper']
    return [Line2D([], [], linestyle='none', label=label, **style) for label, style in known.items()]
