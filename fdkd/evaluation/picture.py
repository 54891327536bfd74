"""A picture of predictions: what each modality shows, the truth, and what each model makes of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fdkd.files import written_whole
from fdkd.labels import VOID

LEGEND_ENTRIES = 16


def colourise(label: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """A label map ``[H, W]`` as RGB ``[H, W, 3]``; 255 (void) is black."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    return table[label]


def depth_image(depth: np.ndarray) -> np.ndarray:
    """Depth ``[H, W]`` in metres as RGB: near is light, far is dark, holes are black; scaled per frame."""
    valid = depth > 0
    if not valid.any():
        return np.zeros((*depth.shape, 3), np.uint8)
    near, far = np.percentile(depth[valid], [1, 99])
    shade = 255 - 215 * np.clip((depth - near) / max(far - near, 1e-6), 0, 1)
    return np.repeat(np.where(valid, shade, 0).astype(np.uint8)[..., None], 3, axis=2)


def write_picture(
    path: Path,
    columns: dict[str, list[np.ndarray]],
    labels: Sequence[np.ndarray],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
) -> None:
    """Draws a grid of frames (rows) by ``columns`` with a legend of the most frequent classes, in one step.

    Args:
        path: PNG to write.
        columns: Title to RGB images, one per frame.
        labels: The true label maps, which choose the legend's classes.
        classes: Names of the classes.
        palette: Their RGB colours.
    """
    counts = np.bincount(np.concatenate([label.ravel() for label in labels]), minlength=VOID + 1)[: len(classes)]
    shown = [index for index in np.argsort(-counts) if counts[index]][:LEGEND_ENTRIES]
    legend_columns = max(2, 8 * len(columns) // 5)
    height, legend_height = 2.0 * len(labels), 0.3 + 0.22 * -(-len(shown) // legend_columns)
    figure = Figure(figsize=(2.6 * len(columns), height + legend_height))
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(labels), len(columns), squeeze=False)
    for column, (title, images) in enumerate(columns.items()):
        axes[0][column].set_title(title)
        for row, image in enumerate(images):
            axes[row][column].imshow(image, interpolation='nearest')
            axes[row][column].set_axis_off()
    patches = [Patch(color=np.array(palette[index]) / 255, label=classes[index]) for index in shown]
    figure.legend(handles=patches, loc='lower center', ncols=legend_columns, fontsize='small', frameon=False)
    figure.tight_layout(rect=(0, legend_height / (height + legend_height), 1, 1))
    with written_whole(path) as partial:
        figure.savefig(partial, format='png', dpi=100)
