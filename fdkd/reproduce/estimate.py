"""How long runs will take, from those that the ledger holds."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from fdkd.reproduce.runs import Job


def seconds_of(job: Job, rows: Iterable[Mapping[str, Any]]) -> float | None:
    """Seconds that ``job`` will take: the median of those of its config, or else of its data set, per epoch.

    Rows of continued runs do not count, since their time is that of the last part alone.

    Returns:
        The seconds, or ``None`` where the ledger knows no run of the data set.
    """
    known = [row for row in rows if row['status'] == 'done' and not row['resumed'] and row.get('seconds')]
    alike = [row for row in known if row['config'] == job.run.config]
    alike = alike or [row for row in known if row['data_hash'] == job.cfg.data_hash]
    paces = [row['seconds'] / row['epochs'] for row in alike]
    return job.epochs * median(paces) if paces else None


def total_seconds(jobs: Sequence[Job], rows: Sequence[Mapping[str, Any]], parallel: int) -> float | None:
    """Seconds that all ``jobs`` take, ``parallel`` at a time; ``None`` where one of them is unknown.

    That is if no run has to wait for its teacher, and not less than the longest takes.
    """
    each = [seconds_of(job, rows) for job in jobs]
    return None if None in each else max(sum(each) / parallel, *each, 0)


def spoken(seconds: float | None) -> str:
    """``'about 1 h 20 min'``."""
    if seconds is None:
        return 'unknown'
    minutes = max(1, round(seconds / 60))
    hours, rest = divmod(minutes, 60)
    return f'about {hours} h {rest} min' if hours else f'about {rest} min'
