"""A picture of test samples: what the models are given, what it is, and what each of them takes it for."""

import re
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fdkd.files import written_whole
from fdkd.labels import UNLABELLED

SPREAD, MISTAKES = 6, 4
#: Inches: a sample's width and the gap beside it, the height of one modality, of a line of text and of a heading.
CARD, GAP, PANEL, LINE, HEADING = 2.0, 0.15, 1.5, 0.16, 0.3
MARGIN = 0.5
#: Points, and the characters and lines that fit: DejaVu Sans Mono is 0.6 em wide and 1.3 em high, before rounding to
#: pixels.
WRITING, TEXT = 8.0, 6.5
LETTERS = int(72 * CARD / (0.64 * WRITING))
TEXT_LETTERS, TEXT_LINES = int(72 * (CARD - 0.1) / (0.64 * TEXT)), int(72 * (PANEL - 0.1) / (1.4 * TEXT))
COLOURS = {'✓': '#1b7837', '✗': '#b2182b', '·': 'black'}


class View(NamedTuple):
    """What one modality of a sample looks like: an :func:`image`, a text, or ``None`` where the sample lacks it."""

    label: str
    content: np.ndarray | str | None


class Answer(NamedTuple):
    """What a model takes a sample for, and the probability that it gives to that."""

    model: str
    predicted: str
    score: float


class Sample(NamedTuple):
    """One sample: ``truth`` is the name of its class, ``None`` where it has no label."""

    sample_id: str
    truth: str | None
    views: list[View]
    answers: list[Answer]


def choose(predictions: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[int]]:
    """Which samples to show: 6 spread over the data set, and 4 others that were taken for something else.

    Args:
        predictions: As :class:`~fdkd.evaluation.ClassificationMetric` keeps them.

    Returns:
        Indices of both, each spread evenly; fewer where there are fewer.
    """
    spread = _spread(range(len(predictions)), SPREAD)
    wrong = [i for i, found in enumerate(predictions) if found['label'] not in (UNLABELLED, found['predicted'])]
    return spread, _spread([index for index in wrong if index not in spread], MISTAKES)


def _spread(indices: Sequence[int], most: int) -> list[int]:
    return [indices[place] for place in np.linspace(0, len(indices) - 1, min(most, len(indices)), dtype=int)]


def image(x: np.ndarray, upward: bool = False) -> np.ndarray:
    """What there is to see of a model's input.

    Args:
        x: ``[..., C, H, W]`` (of several frames the middle one is taken), uint8 or float; three channels are red, green
            and blue, of any other number the first is taken. Or values ``[C]``, which stay what they are.
        upward: Whether the rows count from the bottom, as the frequencies of a spectrum do.

    Returns:
        ``[H, W, 3]`` (uint8, or float from 0 to 1), ``[H, W]`` or ``[C]``.
    """
    while x.ndim > 3:
        x = x[len(x) // 2]
    if x.ndim == 3:
        x = x.transpose(1, 2, 0) if len(x) == 3 else x[0]
    if x.ndim == 3 and x.dtype != np.uint8:
        low, high = x.min(), x.max()
        x = (x - low) / max(high - low, np.finfo(np.float32).tiny)
    return x[::-1] if upward else x


def samples_figure(groups: Mapping[str, Sequence[Sample]]) -> Figure:
    """Draws samples side by side, each with its modalities one below the other and what the models say beneath.

    Each answer is marked ✓ or ✗, and · where the sample has no label.

    Args:
        groups: Heading to samples, all of the same modalities; each group is a row.
    """
    groups = {heading: samples for heading, samples in groups.items() if samples}
    lines = {heading: [_lines(sample) for sample in samples] for heading, samples in groups.items()}
    heights = {
        heading: 2 * HEADING + PANEL * len(samples[0].views) + LINE * (1 + max(map(len, lines[heading])))
        for heading, samples in groups.items()
    }
    width = MARGIN + (CARD + GAP) * max(map(len, groups.values()))
    figure = Figure(figsize=(width, sum(heights.values())))
    FigureCanvasAgg(figure)
    top = 0.0
    for heading, samples in groups.items():
        _write(figure, GAP, top + GAP / 2, heading, size='large')
        for column, sample in enumerate(samples):
            left = MARGIN + column * (CARD + GAP)
            _draw(figure, sample, lines[heading][column], left, top + HEADING, labels=column == 0)
        top += heights[heading]
    return figure


def write_samples(path: Path, groups: Mapping[str, Sequence[Sample]]) -> None:
    """Writes :func:`samples_figure` as a PNG, in one step."""
    with written_whole(path) as partial, warnings.catch_warnings():
        warnings.filterwarnings('ignore', r'Glyph \d+ .* missing')  # a tweet may hold any character
        samples_figure(groups).savefig(partial, format='png', dpi=100)


class _Wrapper(textwrap.TextWrapper):
    """Breaks lines at spaces and after underscores, which the names of classes are made of."""

    wordsep_simple_re = re.compile(r'( +|(?<=_))')


def _lines(sample: Sample) -> list[tuple[str, str]]:
    """What stands beneath a sample, each line with its colour."""
    texts = [('no label' if sample.truth is None else f'truth: {sample.truth}', 'black')]
    for answer in sample.answers:
        mark = '·' if sample.truth is None else '✓' if answer.predicted == sample.truth else '✗'
        texts.append(
            (f'{mark} {answer.model}: {answer.predicted} ({100 * answer.score:.0f}\N{NO-BREAK SPACE}%)', COLOURS[mark])
        )
    wrapper = _Wrapper(LETTERS, subsequent_indent='  ', break_on_hyphens=False)
    return [(line, colour) for text, colour in texts for line in wrapper.wrap(text)]


def _draw(figure: Figure, sample: Sample, lines: list[tuple[str, str]], left: float, top: float, labels: bool) -> None:
    name = sample.sample_id
    name = name if len(name) <= LETTERS else f'{name[: LETTERS - 1]}…'
    _write(figure, left, top + 0.1, name, color='dimgrey')
    top += HEADING
    width, height = figure.get_size_inches()
    for view in sample.views:
        place = (left / width, 1 - (top + PANEL - 0.05) / height, CARD / width, (PANEL - 0.05) / height)
        panel = figure.add_axes(place)
        panel.set_xticks([])
        panel.set_yticks([])
        _show(panel, view.content)
        if labels:
            panel.set_ylabel(view.label, fontsize='small', parse_math=False)
        top += PANEL
    for number, (line, colour) in enumerate(lines):
        _write(figure, left, top + LINE * number, line, color=colour, weight='bold' if colour == COLOURS['✗'] else None)


def _show(panel: Axes, content: np.ndarray | str | None) -> None:
    if content is None or isinstance(content, str):
        text = '(none)' if content is None else ' '.join(content.split()) or '(empty)'
        wrapped = textwrap.wrap(text, TEXT_LETTERS, max_lines=TEXT_LINES, placeholder=' …')
        at = {'va': 'top', 'transform': panel.transAxes, 'family': 'monospace', 'fontsize': TEXT, 'parse_math': False}
        panel.text(0.03, 0.96, '\n'.join(wrapped), **at)
    elif content.ndim == 1:
        panel.plot(content, linewidth=0.8)
    else:
        seen = content.ndim == 3 or content.dtype == np.uint8
        panel.imshow(content, aspect='equal' if seen else 'auto', cmap='gray' if seen else 'magma')


def _write(figure: Figure, left: float, top: float, text: str, size: float | str = WRITING, **style: Any) -> None:
    width, height = figure.get_size_inches()
    family = 'monospace' if size == WRITING else 'sans-serif'
    figure.text(left / width, 1 - top / height, text, va='top', fontsize=size, family=family, parse_math=False, **style)
