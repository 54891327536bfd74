"""Filling a plan with what the ledger holds."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fdkd.apis.presentation.segmentation import IMAGES_FILE
from fdkd.errors import DataError
from fdkd.evaluation.hits import unpack_hits
from fdkd.reproduce.plans import Plan, PlanCell, PlanRow
from fdkd.reproduce.result import Cell, ResultTable, Row
from fdkd.reproduce.runs import Job, Run
from fdkd.reproduce.statistics import Scores, compare

#: The figure of each task, in the order in which they are looked for.
_FIGURES = ('accuracy', 'mIoU')

Ledgered = dict[str, Any]


class Filler:
    """Turns plans into tables.

    Args:
        rows: The ledger's newest row of each key.
        jobs: The job of each run; ``None`` where something blocks it.
        root: Folder of the ledger.
        setting: What all runs have in common that differs from the configs, for the caption.
    """

    def __init__(
        self,
        rows: Mapping[str, Ledgered],
        jobs: Callable[[Run], Job | None],
        root: Path,
        setting: Mapping[str, str] | None = None,
    ) -> None:
        self._rows, self._jobs, self._root, self._setting = rows, jobs, root, setting or {}

    def fill(self, plan: Plan) -> ResultTable:
        """The table of ``plan`` with the runs that are done."""
        baselines = [cell and self._scores(cell) for cell in plan.baselines]
        usual = [self._usual(plan, column) for column in range(len(plan.columns))]
        rows = [self._row(row, plan, baselines, usual) for row in plan.rows]
        notes = (*_alone_note(plan, baselines), *plan.notes)
        return ResultTable(plan.title, plan.heads, plan.columns, tuple(rows), self._caption(plan), notes, plan.matrix)

    def _row(self, row: PlanRow, plan: Plan, baselines: Sequence[Scores | None], usual: Sequence[str | None]) -> Row:
        cells = []
        for cell, alone, scores, common in zip(row.cells, plan.baselines, baselines, usual, strict=True):
            compared = row.ranked and cell and alone and cell.runs != alone.runs
            cells.append(cell and self._cell(cell, scores if compared else None, common))
        return Row(row.labels, tuple(cells), row.ranked)

    def _cell(self, cell: PlanCell, baseline: Scores | None, usual: str | None) -> Cell:
        found = [self._found(run) for run in cell.runs]
        failed = sum(row is not None and row['status'] == 'failed' for row in found)
        marks = [mark for row in found if row for mark in self._marks(row, usual)]
        scores = self._scores(cell)
        return Cell(
            tuple(scores.values.values()),
            len(cell.runs),
            cell.paper,
            compare(scores, baseline) if baseline else None,
            tuple(dict.fromkeys([*([cell.note] if cell.note else []), *marks])),
            failed,
        )

    def _found(self, run: Run) -> Ledgered | None:
        job = self._jobs(run)
        return job and self._rows.get(job.key)

    def _done(self, cell: PlanCell) -> dict[int, Ledgered]:
        """The rows of a cell's finished runs, by seed."""
        found = {run.seed: self._found(run) for run in cell.runs}
        return {seed: row for seed, row in found.items() if row and row['status'] == 'done'}

    def _scores(self, cell: PlanCell) -> Scores:
        done = self._done(cell)
        values = {seed: _figure(row, cell.shown) for seed, row in done.items()}
        if cell.shown != 'student':
            return Scores(values)
        hits = {
            seed: unpack_hits(row['student']['hits'], row['student']['labelled'])
            for seed, row in done.items()
            if 'hits' in row['student']
        }
        images = {seed: self._root / 'runs' / row['name'] / IMAGES_FILE for seed, row in done.items()}
        counts = {seed: _read_images(path) for seed, path in images.items() if path.is_file()}
        return Scores(values, hits, counts)

    def _usual(self, plan: Plan, column: int) -> str | None:
        """The device of most runs of a column; of what else is not in a run's key, the caption speaks."""
        cells = [row.cells[column] for row in plan.rows if row.cells[column]]
        rows = [row for cell in cells for row in self._done(cell).values()]
        return Counter(row.get('device') for row in rows).most_common(1)[0][0] if rows else None

    @staticmethod
    def _marks(row: Ledgered, usual: str | None) -> list[str]:
        if row['status'] == 'failed':
            return [f'failed: {row["name"]}: {" / ".join(row["error"][-2:])}']
        device = row.get('device')
        marks = [f'other device: {device} instead of {usual}'] if device != usual else []
        return [*marks, *(['from code with uncommitted changes'] if row.get('modified') else [])]

    def _caption(self, plan: Plan) -> str:
        cells = [cell for row in plan.rows for cell in row.cells if cell]
        done = {row['key']: row for cell in cells for row in self._done(cell).values()}
        planned = {run for cell in cells for run in cell.runs}
        seeds = sorted({run.seed for run in planned})
        parts = [f'seeds {", ".join(map(str, seeds))}', f'{len(done)} of {len(planned)} runs finished']
        parts += [f'{name}: {value}' for name, value in self._setting.items()]
        for key, length in (('epochs', None), ('selection', None), ('device', 24), ('commit', 12)):
            if values := sorted({str(row[key])[:length].rstrip() for row in done.values() if row.get(key) is not None}):
                parts.append(f'{key}: {", ".join(values)}')
        if tested := sorted({row['student']['samples'] for row in done.values()}):
            parts.append(f'test samples: {", ".join(map(str, tested))}')
        return f'{_metric(done.values())} in %, mean and standard deviation over seeds; {"; ".join(parts)}.'


def _alone_note(plan: Plan, baselines: Sequence[Scores | None]) -> tuple[str, ...]:
    """What a matrix, which has no row for it, is to be compared with."""
    alone = baselines[0] if plan.matrix and baselines else None
    return (f'The student alone: {np.mean(list(alone.values.values())):.1f}.',) if alone and alone.values else ()


def _read_images(path: Path) -> np.ndarray:
    """Pixels ``[N, K, 3]`` of each image and class: intersection, prediction, label.

    Raises:
        DataError: If the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as images:
            return np.stack([images[name] for name in ('intersection', 'predicted', 'labelled')], axis=-1)
    except Exception as error:  # the bytes of a damaged archive lead to errors of any kind
        raise DataError(
            f'{path}: damaged ({type(error).__name__}: {error}); remove it, and the table goes without an interval '
            'over test samples'
        ) from error


def _figure(row: Ledgered, shown: str) -> float:
    if shown == 'majority':
        counts = row['student']['class_counts']
        return 100 * max(counts) / sum(counts)
    metrics = row['student']['metrics']
    return float(next(metrics[name] for name in _FIGURES if name in metrics))


def _metric(rows: Iterable[Ledgered]) -> str:
    names = {name for row in rows for name in _FIGURES if name in row['student']['metrics']}
    return ' and '.join({'accuracy': 'Top-1 accuracy', 'mIoU': 'Mean IoU'}[name] for name in sorted(names)) or 'Figures'
