"""What an export found, for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from prettytable import PrettyTable

#: Loss of a figure, in points, from which on a note says so.
LOST = 3.0
#: Share of equal decisions below which a note says so.
SAME = 0.95


@dataclass(frozen=True)
class Row:
    """One model.

    Attributes:
        name: ``'eager'``, the trained model itself, or the exported one's.
        latency: Median of one sample, from raw input to logits, in milliseconds.
        size: In MB (10^6 bytes): of the file, or of the trained model's weights with what only training needs.
        difference: The largest between a logit and the trained model's.
        share: Of samples or pixels that get the trained model's class.
        metrics: On the samples that were compared; none where these are generated.
    """

    name: str
    latency: float
    size: float
    difference: float
    share: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class Report:
    """What :func:`fdkd.apis.export.export` wrote and found.

    Attributes:
        path: The file.
        meta: Its metadata.
        rows: The trained model first, the file last.
        samples: What was compared, in words.
    """

    path: Path
    meta: dict[str, Any]
    rows: tuple[Row, ...]
    samples: str

    def __str__(self) -> str:
        """The table, notes, and how to load the file."""
        parts = [_table(self.rows), f'{self.samples}; latency of one sample with {_threads()}']
        parts += _notes(self.rows)
        parts += [f'{self.path}: {self.meta["task"]} from {self.meta["modality"]}; without fdkd:\n']
        return '\n'.join(parts) + '\n' + self.meta['how_to_load']


def _table(rows: Sequence[Row]) -> str:
    eager, names = rows[0], list(rows[0].metrics)
    table = PrettyTable(['', 'latency (ms)', 'ratio', 'size (MB)', 'max. diff.', 'same class (%)', *names])
    table.align, table.align[''] = 'r', 'l'
    for row in rows:
        same = ['', ''] if row is eager else [f'{row.difference:.1e}', f'{100 * row.share:.2f}']
        figures = [f'{row.metrics[name]:.2f}' for name in names]
        speed = [f'{row.latency:.1f}', f'{row.latency / eager.latency:.2f}']
        table.add_row([row.name, *speed, f'{row.size:.1f}', *same, *figures])
    return table.get_string()


def _notes(rows: Sequence[Row]) -> list[str]:
    changed = [
        f'note: {row.name} decides otherwise than the trained model on {100 * (1 - row.share):.1f} % of what was '
        'compared'
        for row in rows[1:]
        if row.share < SAME
    ]
    return changed + [
        f'note: {row.name} loses {lost:.1f} points of {name}'
        for row in rows[1:]
        for name in row.metrics
        if (lost := rows[0].metrics[name] - row.metrics[name]) >= LOST
    ]


def _threads() -> str:
    count = torch.get_num_threads()
    return f'{count} threads' if count > 1 else 'one thread'
