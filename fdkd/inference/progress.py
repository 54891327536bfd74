"""A progress bar for what takes its time, and none for what does not."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import Progress

#: Seconds after which the bar appears.
PATIENCE = 5.0


class Advance(Protocol):
    """Counts one more as done."""

    def __call__(self) -> None: ...


@contextmanager
def patient_progress(title: str, total: int | None) -> Iterator[Advance]:
    """A bar that appears after :data:`PATIENCE`, and goes at the end.

    Args:
        title: What it says.
        total: Of how many; ``None`` where nobody knows.
    """
    console = Console(stderr=True)
    progress = Progress(console=console, transient=True, disable=not console.is_terminal)
    task, begun = progress.add_task(title, total=total), time.monotonic()

    def advance() -> None:
        progress.advance(task)
        if not progress.live.is_started and time.monotonic() - begun > PATIENCE:
            progress.start()

    try:
        yield advance
    finally:
        progress.stop()
