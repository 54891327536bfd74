"""What the page shows of one run, ready for its template."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fdkd.report.charts import Chart, Series, line_chart
from fdkd.report.predictions import confusion
from fdkd.report.run import MODELS, Run

#: The confusion matrix of more classes is left to the run's own picture.
NAMED_CLASSES = 50
#: With more classes, figures would not fit into the cells.
WRITTEN_CLASSES = 12
#: Longer names are cut beside a confusion matrix; the tooltip has them whole.
LABEL_LENGTH = 18


def training_charts(run: Run) -> list[Chart]:
    """Loss and its parts, validation metrics, learning rate, and whatever else was logged, such as gradient shares."""
    history, unit = run.history, run.history.training_unit
    groups: dict[str, list[Series]] = {'loss': [], 'lr': []}
    for name in history.names:
        kind, part = _kind(name)
        members = groups.setdefault(kind, [])
        members.append(Series(part, history.curve(name), len(members)))
    metrics = [Series(name, history.validation_curve(name), index) for index, name in enumerate(history.metrics)]
    charts = [
        line_chart('Training loss and its parts', groups.pop('loss'), unit, 'loss'),
        line_chart('Validation', metrics, 'epoch' if history.by_epoch else 'iteration', '%'),
        line_chart('Learning rate', groups.pop('lr'), unit, 'learning rate'),
        line_chart('Share of each loss in the gradient', groups.pop('grad_share', []), unit, 'share', y_range=(0, 1)),
        *(line_chart(kind, series, unit, kind) for kind, series in groups.items()),
    ]
    return [chart for chart in charts if chart]


def _kind(name: str) -> tuple[str, str]:
    """Which chart a scalar belongs to, and its name there: ``'grad_share/kd'`` is ``kd`` among the ``grad_share``."""
    if '/' in name:
        kind, _, part = name.rpartition('/')
        return kind, part
    last = name.rpartition('.')[2]
    return ('loss' if 'loss' in last else 'lr' if last == 'base_lr' else last), name


@dataclass(frozen=True)
class ClassRow:
    """A class: number of test samples where known, and the figure of each model in %."""

    name: str
    count: int | None
    values: list[float | None]

    @property
    def gap(self) -> float | None:
        """Student minus teacher, in points."""
        known = len(self.values) == 2 and None not in self.values
        return self.values[0] - self.values[1] if known else None


@dataclass(frozen=True)
class ClassTable:
    """One figure of each class, and how many classes have none."""

    figure: str
    models: list[str]
    rows: list[ClassRow]
    undefined: int


def class_table(run: Run) -> ClassTable | None:
    """IoU or accuracy of each class, the student beside its teacher."""
    figure = 'IoU' if run.task == 'segmentation' else 'accuracy'
    rows = []
    for name in run.classes:
        figures = [run.per_class(model).get(name, {}) for model in run.models]
        count = next((int(entry['count']) for entry in figures if _finite(entry.get('count')) is not None), None)
        rows.append(ClassRow(name, count, [_finite(entry.get(figure)) for entry in figures]))
    kept = [row for row in rows if any(value is not None for value in row.values)]
    return ClassTable(figure, run.models, kept, len(rows) - len(kept)) if kept else None


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix as drawn, sizes in pixels.

    Attributes:
        names: Whole and shortened name of each class.
        cells: ``(row, column, share in %, count)``, without the empty ones.
        totals: Samples of each class.
        cell: Side of a cell.
        margin: Room for the names.
        written: Whether counts stand in the cells.
        unlabelled: Samples that count nowhere.
    """

    names: list[tuple[str, str]]
    cells: list[tuple[int, int, float, int]]
    totals: list[int]
    cell: int
    margin: int
    written: bool
    unlabelled: int


def matrix(run: Run) -> Matrix | None:
    """The student's confusion matrix, where it has predictions and at most 50 classes."""
    if not run.predictions:
        return None
    names, counts = confusion(run.predictions, run.classes)
    if not names or len(names) > NAMED_CLASSES:
        return None
    totals = counts.sum(1).tolist()
    found = [(row, column, int(counts[row, column])) for row, column in np.argwhere(counts).tolist()]
    cells = [(row, column, 100 * count / totals[row], count) for row, column, count in found]
    short = [name if len(name) <= LABEL_LENGTH else f'{name[: LABEL_LENGTH - 1]}…' for name in names]
    written = len(names) <= WRITTEN_CLASSES
    return Matrix(
        list(zip(names, short, strict=True)), cells, totals, 28 if written else 16,
        24 + 7 * max(map(len, short)), written, sum(not sample.label for sample in run.predictions),
    )  # fmt: skip


def spectral_charts(run: Run) -> list[Chart]:
    """Similarity of student and teacher by frequency band, and how their energy is spread."""
    if not run.spectrum:
        return []
    edges, cutoff = np.array(run.spectrum['edges'], float), run.spectrum.get('cutoff')
    centres = (edges[:-1] + edges[1:]) / 2
    unit = 'fraction of Nyquist' if edges.max() <= 1 else 'frequency'

    def series(tables: dict[str, list[float | None] | None]) -> list[Series]:
        found = [
            (index, name, [np.nan if value is None else value for value in values])
            for index, (name, values) in enumerate(tables.items())
            if values
        ]
        return [Series(name, tuple(zip(centres.tolist(), values, strict=True)), i) for i, name, values in found]

    similarity = series({'CKA': run.spectrum.get('cka'), 'CKA, debiased': run.spectrum.get('debiased')})
    energy = series({model: run.spectrum['energy'].get(model) for model in MODELS})
    rule = (float(cutoff), 'cutoff') if isinstance(cutoff, int | float) else None
    ends = (float(edges[0]), float(edges[-1]))
    lowest = min((y for curve in similarity for _, y in curve.points if np.isfinite(y)), default=0)
    heights = (min(0, lowest), 1)  # the debiased one may be negative
    charts = [
        line_chart('Similarity of student and teacher by band', similarity, unit, 'linear CKA', ends, heights, rule),
        line_chart('Energy by band', energy, unit, 'share of energy', ends, rule=rule),
    ]
    return [chart for chart in charts if chart]


def made_with(run: Run) -> dict[str, str]:
    """Where the run lies, and all that its results say beside the models' scores, by name."""
    return {'work dir': str(run.folder)} | _facts(run.results or {}, MODELS)


def spectrum_facts(run: Run) -> dict[str, str]:
    """What the frequency bands were measured on, by name."""
    return _facts(run.spectrum or {}, ('edges', 'cka', 'debiased', 'energy'))


def _facts(node: dict[str, Any], skipped: Sequence[str]) -> dict[str, str]:
    return {name.replace('_', ' '): _text(value) for name, value in node.items() if name not in skipped}


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ', '.join(f'{name} {_text(entry)}' for name, entry in value.items())
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    return '–' if value is None else value if isinstance(value, str) else json.dumps(value)


def parts(text: str) -> list[str]:
    """The pieces of ``text`` between which a line may break: behind slashes, underscores, and dots before no suffix."""
    return re.split(r'(?<=[/_])(?![/_])|(?<=\.)(?!\w{1,3}$)', text)


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
