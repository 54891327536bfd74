"""A picture of what is taken for what."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fdkd.files import written_whole

#: With more classes, names would be too small to read.
NAMED_CLASSES = 50
#: With more classes, figures would not fit into the cells.
WRITTEN_CLASSES = 12


def row_shares(confusion: np.ndarray) -> np.ndarray:
    """Counts ``[K, K]`` as % of their row, that is of the samples of a class; NaN for a class without samples."""
    with np.errstate(invalid='ignore'):  # 0 / 0
        return 100 * confusion / confusion.sum(1, keepdims=True)


def confusion_figure(matrices: Mapping[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """Draws confusion matrices side by side, each row in % of its class.

    Args:
        matrices: Title to counts ``[K, K]``: rows are the truth, columns the prediction.
        classes: Names of the ``K`` classes, written up to 50 of them.
    """
    # Inches: a panel, and what stands beside and below it.
    side = np.clip(0.16 * len(classes), 3.0, 8.0)
    margin = 0.5 + (0.065 * max(map(len, classes)) if len(classes) <= NAMED_CLASSES else 0)
    figure = Figure(figsize=(len(matrices) * (side + margin) + 1, side + margin + 0.5), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(matrices), squeeze=False)[0]
    for panel, (title, confusion) in zip(axes, matrices.items(), strict=True):
        _draw(panel, row_shares(confusion), classes)
        panel.set_title(title)
    axes[0].set_ylabel('truth')
    figure.colorbar(axes[0].images[0], ax=list(axes), label='% of the class', shrink=0.8, pad=0.01)
    return figure


def write_confusion(path: Path, matrices: Mapping[str, np.ndarray], classes: Sequence[str]) -> None:
    """Writes :func:`confusion_figure` as a PNG, in one step."""
    with written_whole(path) as partial:
        confusion_figure(matrices, classes).savefig(partial, format='png', dpi=120)


def _draw(panel: Axes, shares: np.ndarray, classes: Sequence[str]) -> None:
    colours = matplotlib.colormaps['Blues'].with_extremes(bad='lightgrey')
    panel.imshow(shares, cmap=colours, vmin=0, vmax=100, interpolation='nearest')
    panel.set_xlabel('prediction')
    if len(classes) > NAMED_CLASSES:
        return
    size = 8 if len(classes) <= WRITTEN_CLASSES else 6
    panel.set_xticks(range(len(classes)), classes, rotation=90, fontsize=size)
    panel.set_yticks(range(len(classes)), classes, fontsize=size)
    if len(classes) > WRITTEN_CLASSES:
        return
    for (row, column), share in np.ndenumerate(shares):
        if share > 0.5:  # a cell that rounds to 0 stays empty
            shade = 'white' if share > 55 else 'black'
            panel.text(column, row, f'{share:.0f}', ha='center', va='center', fontsize=size, color=shade)
