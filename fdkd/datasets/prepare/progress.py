"""One progress bar with the time left, for frames and for bytes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


@contextmanager
def progress_bar(
    what: str, total: int | None, done: int = 0, *, in_bytes: bool = False
) -> Iterator[Callable[[int], None]]:
    """Shows a bar on stderr and yields the function that advances it by so many frames or bytes.

    Where stderr is no terminal (a batch job's log) only the last state is printed, as one line.

    Args:
        what: The text before the bar.
        total: Frames or bytes in all; ``None`` where a server does not say.
        done: What an earlier run had finished already; it does not count for the time left.
        in_bytes: Whether to show sizes and a speed in place of counts.
    """
    amount = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
    times = (TimeRemainingColumn(), TextColumn('left'))
    bar = Progress(TextColumn('{task.description}'), BarColumn(), *amount, *times, console=Console(stderr=True))
    with bar:
        task = bar.add_task(what, total=total, completed=done)
        yield lambda amount: bar.advance(task, amount)
