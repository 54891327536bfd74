"""Measured figures for the site: the ledger's rows, and rows of the tables that the benchmark pages hold."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fdkd.reproduce.ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]
LEDGER = ROOT / 'docs' / 'benchmarks' / 'grid' / 'ledger.jsonl'
NYU = ROOT / 'docs' / 'benchmarks' / 'nyu_depth_v2.md'
LOSS_TIME = ROOT / 'docs' / 'benchmarks' / 'loss_time.md'
#: The seeds of trainings; teachers of a control have others.
_SEEDS = range(100)


def runs_as_published() -> dict[str, list[dict[str, Any]]]:
    """The ledger's finished runs of configs as they stand, by config, each by seed.

    Raises:
        ValueError: If a line of the ledger is damaged: a page without it would not say so.
    """
    ledger = Ledger(LEDGER)
    rows = defaultdict(list)
    for row in ledger.newest().values():
        if row['status'] == 'done' and row['seed'] in _SEEDS and '-changed-' not in row['name']:
            rows[row['config']].append(row)
    if ledger.damaged:
        raise ValueError(f'{LEDGER}: damaged lines {[damage.line for damage in ledger.damaged]}')
    return {config: sorted(rows[config], key=lambda row: row['seed']) for config in sorted(rows)}


def mean_and_spread(values: Sequence[float]) -> str:
    """``71.3 ± 2.0``, or the only value."""
    if len(values) == 1:
        return f'{values[0]:.1f}'
    return f'{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}'


def accuracies(rows: Iterable[dict[str, Any]], model: str = 'student') -> list[float]:
    """The accuracy of each run's student or teacher, in %, of those that have one."""
    return [row[model]['metrics']['accuracy'] for row in rows if model in row]


def table_rows(page: Path, column: int, value: str) -> tuple[list[str], list[list[str]]]:
    """Of the tables on a page, the head of the first that has rows of which a cell begins with ``value``, and these.

    Args:
        page: A page in Markdown.
        column: Which cell.
        value: A word; ``'Feat'`` finds ``'Feat (float32)'`` and not ``'Feature'``.

    Returns:
        The head's cells, and the rows' cells; both empty where there is none.
    """
    head: list[str] = []
    found: list[list[str]] = []
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip('|').split('|')] if line.startswith('|') else []
        if not cells:
            if found:
                break
            head = []
        elif not head:
            head = cells
        elif len(cells) > column and cells[column].split(' ')[0] == value:
            found.append(cells)
    return (head, found) if found else ([], [])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines) + '\n'
