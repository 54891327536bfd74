"""Progress of several runs at once, read off the ends of their consoles."""

import re
import sys
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from fdkd.printable import printable
from fdkd.reproduce.rows import CONSOLE_FILE
from fdkd.reproduce.runs import Job

#: MMEngine's line for a step: ``Epoch(train)  [3][10/50]``.
_STEP = re.compile(rb'Epoch\(train\)\s+\[\s*(\d{1,9})\]\[\s*(\d{1,9})/([1-9]\d{0,8})\]')
_TAIL_BYTES = 20_000


def epochs_done(console: Path) -> float:
    """How many epochs the run that writes ``console`` has behind it, with the part of the current one."""
    if not console.is_file():
        return 0.0
    with console.open('rb') as file:
        file.seek(max(0, console.stat().st_size - _TAIL_BYTES))
        steps = _STEP.findall(file.read())
    if not steps:
        return 0.0
    epoch, step, steps_per_epoch = map(int, steps[-1])
    return epoch - 1 + step / steps_per_epoch


class Watch:
    """Bars on a terminal: one for all runs, one for each that is going on. Elsewhere it shows nothing.

    Args:
        total: Number of runs.
    """

    def __init__(self, total: int) -> None:
        columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, disable=not sys.stdout.isatty(), transient=True)
        self._all = self._progress.add_task('runs', total=total)
        self._bars: dict[str, TaskID] = {}
        self._ended = 0

    def __enter__(self) -> 'Watch':
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, text: str) -> None:
        """Prints a sentence above the bars, and counts the run that it is about."""
        self._ended += 1
        self._progress.update(self._all, completed=self._ended)
        self._progress.print(printable(text), markup=False, highlight=False, soft_wrap=True)
        sys.stdout.flush()  # a log is read while the runs go on

    def update(self, running: list[tuple[Job, Path]]) -> None:
        """Shows what is running."""
        if self._progress.disable:
            return
        names = {job.name for job, _ in running}
        for name in self._bars.keys() - names:
            self._progress.remove_task(self._bars.pop(name))
        for job, folder in running:
            if job.name not in self._bars:
                self._bars[job.name] = self._progress.add_task(job.name, total=job.epochs)
            self._progress.update(self._bars[job.name], completed=int(epochs_done(folder / CONSOLE_FILE)))
