"""A table over the runs of each task, and their validation curves in one chart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from fdkd.packaged import shown
from fdkd.report.charts import Chart, Series, line_chart
from fdkd.report.run import MODELS, Run

#: Metric to its title; others stand with each run.
HEADLINE = {
    'accuracy': 'accuracy',
    'macro_f1': 'macro F1',
    'mIoU': 'mIoU',
    'mAcc': 'mean accuracy',
    'aAcc': 'pixel accuracy',
}
NONE = '–'


@dataclass(frozen=True)
class Cell:
    """What is shown, and what the column is sorted by: a number, or its text; nothing known sorts last."""

    text: str
    value: float | None = None
    title: str = ''


@dataclass(frozen=True)
class Column:
    """A column of the table; numeric ones are aligned right, and those of one ``group`` share a head."""

    head: str
    cells: list[Cell]
    numeric: bool = False
    group: str = ''

    @property
    def known(self) -> bool:
        """Whether any run has it."""
        return any(cell.text != NONE for cell in self.cells)


@dataclass(frozen=True)
class Table:
    """The runs of one task, with their numbers on the page; their names, the first column, are not in ``columns``."""

    task: str
    runs: list[tuple[int, Run]]
    columns: list[Column]
    unknown: list[str]  # columns that no run has, left out

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Shared heads and how many columns each spans."""
        return [(group, len(list(members))) for group, members in groupby(self.columns, lambda column: column.group)]


def tables(runs: Sequence[Run]) -> list[Table]:
    """A table for each task that occurs."""
    found = []
    for task in dict.fromkeys(run.task for run in runs):
        members = [(index, run) for index, run in enumerate(runs, 1) if run.task == task]
        columns = _columns([run for _, run in members])
        known = [column for column in columns if column.known]
        found.append(Table(task, members, known, [column.head for column in columns if not column.known]))
    return found


def _columns(runs: Sequence[Run]) -> list[Column]:
    results = [run.results or {} for run in runs]

    def words(key: str) -> list[Cell]:
        return [Cell(_text(found.get(key))) for found in results]

    def model(name: str) -> list[Column]:
        sees = [Cell(_text(found.get(name, {}).get('modality'))) for found in results]
        scores = {metric: [_percent(run.metrics(name).get(metric)) for run in runs] for metric in HEADLINE}
        metrics = [Column(HEADLINE[metric], cells, True, f'{name} (%)') for metric, cells in scores.items()]
        return [column for column in (Column('sees', sees, group=f'{name} (%)'), *metrics) if column.known]

    seeds = [found.get('seed') for found in results]
    return [
        Column('seed', [Cell(_text(seed), seed if isinstance(seed, int) else None) for seed in seeds], True),
        *model('student'),
        *model('teacher'),
        Column('weights of', list(map(_weights, runs))),
        Column('commit', list(map(_commit, results))),
        Column('device', words('device')),
        Column('wall time', [_duration(found.get('seconds')) for found in results], True),
        Column('config', [Cell(_config(found.get('config'))) for found in results]),
    ]


def validation_charts(runs: Sequence[Run]) -> list[Chart]:
    """A chart for each main metric that was validated, each run in its own colour, the same in all charts."""
    charts = []
    for metric in ('accuracy', 'macro_f1', 'mIoU'):
        curves = [Series(run.label, run.history.validation_curve(metric), index) for index, run in enumerate(runs)]
        curves = [curve for curve in curves if curve.points]
        by_epoch = all(run.history.by_epoch for run in runs if run.history.validation_curve(metric))
        if curves:
            unit = 'epoch' if by_epoch else 'epoch or iteration'
            charts.append(line_chart(f'Validation {HEADLINE[metric]}', curves, unit, f'{HEADLINE[metric]} (%)'))
    return [chart for chart in charts if chart]


def headline(run: Run) -> str:
    """The main metric of each model: ``'accuracy: student 77.50 %, teacher 98.50 %'``."""
    name = next((name for name in ('mIoU', 'accuracy') if name in run.metrics('student')), None)
    if name is None:
        return ''
    told = [f'{model} {_percent(run.metrics(model).get(name)).text} %' for model in MODELS if run.metrics(model)]
    return f'{HEADLINE[name]}: {", ".join(told)}'


def _weights(run: Run) -> Cell:
    if run.results is None:
        return Cell(f'unfinished, {run.progress}')
    return Cell(f'{_text(run.results.get("selection"))} ({_text(run.results.get("epoch"))})')


def _commit(results: dict[str, Any]) -> Cell:
    commit = results.get('commit')
    if commit is None:
        return Cell(NONE)
    return Cell(f'{str(commit)[:7]}{", modified" if results.get("modified") else ""}', title=str(commit))


def _config(path: object) -> str:
    return shown(path) if isinstance(path, str) else NONE


def _text(value: object) -> str:
    return NONE if value is None else str(value)


def _percent(value: float | None) -> Cell:
    return Cell(NONE) if value is None or not math.isfinite(value) else Cell(f'{value:.2f}', value)


def _duration(seconds: object) -> Cell:
    known = isinstance(seconds, int | float) and math.isfinite(seconds)
    return Cell(str(timedelta(seconds=round(seconds))), seconds) if known else Cell(NONE)
