"""Running what the ledger lacks: several processes at a time, teachers before their students, each run once."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fdkd.apis.report import RESULTS_FILE
from fdkd.engine.checkpoints import holds_checkpoints
from fdkd.engine.interruption import STOPPED
from fdkd.engine.saving import STUDENT_FILE
from fdkd.locks import try_lock
from fdkd.reproduce.ledger import Ledger
from fdkd.reproduce.rows import CONSOLE_FILE, done_row, failed_row, results_of, tidy
from fdkd.reproduce.runs import Job

LOCK_FILE = '.lock'
_POLL_SECONDS = 0.2


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """Every job once, by its key, and each teacher before the first student that needs it."""
    ordered: dict[str, Job] = {}
    for job in jobs:
        chain = [job]
        while chain[-1].teacher:
            chain.append(chain[-1].teacher)
        for link in reversed(chain):
            ordered.setdefault(link.key, link)
    return list(ordered.values())


def missing(jobs: Sequence[Job], ledger: Ledger, root: Path, drawn: Sequence[Job] = ()) -> list[Job]:
    """Of :func:`in_order`, the jobs that have to run: without figures, or without weights that are needed.

    Args:
        jobs: The jobs of tables and figures.
        ledger: Where runs are entered.
        root: Folder of the ledger.
        drawn: The jobs of which a figure needs the weights, as a student does of its teacher.
    """
    ordered, done = in_order(jobs), ledger.done()
    needed = {job.key for job in ordered if job.key not in done}
    needed |= {job.key for job in drawn if results_of(job, work_dir(root, job)) is None}
    for job in ordered[::-1]:  # students before teachers
        teacher = job.teacher
        # The weights of a teacher that is being trained again are there after its first epoch, its results at the end.
        if job.key in needed and teacher and results_of(teacher, work_dir(root, teacher)) is None:
            needed.add(teacher.key)
    return [job for job in ordered if job.key in needed]


def work_dir(root: Path, job: Job) -> Path:
    """Where a run of the ledger's folder ``root`` writes."""
    return root / 'runs' / job.name


@dataclass
class _Process:
    """A run in progress, and the lock that says so, which its process holds as well."""

    job: Job
    folder: Path
    resumed: bool
    lock: Any
    process: subprocess.Popen


@dataclass
class Executor:
    """Runs jobs and enters them in the ledger.

    A run that a signal has stopped (its process ends with 75) has neither succeeded nor failed: it is not entered, and
    a later call goes on with what it has saved. The other runs are still started, but for its students.

    A run belongs to the process that holds the lock in its folder. The process inherits the lock, so that a run whose
    parent was killed is not started a second time while it goes on; it is waited for and entered afterwards.

    Args:
        ledger: Where runs are entered.
        root: Folder of the ledger.
        command: What trains, to which the arguments of a job are added.
        parallel: How many runs go on side by side.
        tell: Called with each sentence for the user.

    Attributes:
        failed: Runs that failed, or whose teacher did, by key, with why.
        stopped: Runs that were stopped, or have not begun since their teacher was, likewise.
    """

    ledger: Ledger
    root: Path
    command: Sequence[str]
    parallel: int = 1
    tell: Callable[[str], None] = print
    failed: dict[str, str] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    _running: list[_Process] = field(default_factory=list)

    def run(self, jobs: Sequence[Job], watch: Callable[[list[tuple[Job, Path]]], None] = lambda running: None) -> None:
        """Runs ``jobs``, which are in order, until each is done, has failed or was stopped, or its teacher has or was.

        Args:
            jobs: What :func:`missing` found.
            watch: Called several times a second with what is running.
        """
        waiting = list(jobs)
        try:
            while waiting or self._running:
                self._collect()
                waiting = self._start(waiting)
                watch([(entry.job, entry.folder) for entry in self._running])
                time.sleep(_POLL_SECONDS)
        finally:
            for entry in self._running:
                entry.process.terminate()
            for entry in self._running:
                entry.process.wait()
                entry.lock.close()

    def _start(self, waiting: list[Job]) -> list[Job]:
        """Starts what can start, and returns what still waits."""
        pending = {job.key for job in waiting} | {entry.job.key for entry in self._running}
        rest = []
        for job in waiting:
            teacher = job.teacher
            if teacher and teacher.key in self.failed:
                self._give_up(job, f'its teacher {teacher.name} failed')
            elif teacher and teacher.key in self.stopped:
                self._put_off(job, f'its teacher {teacher.name} is to be continued first')
            elif (teacher and teacher.key in pending) or len(self._running) >= self.parallel or not self._launch(job):
                rest.append(job)
        return rest

    def _launch(self, job: Job) -> bool:
        """Starts a run, or enters what an earlier call left finished; ``False`` where another process is at it."""
        folder = work_dir(self.root, job)
        if (lock := try_lock(folder / LOCK_FILE)) is None:
            return False
        if results := results_of(job, folder):
            if job.key in self.ledger.done():
                self.tell(f'done by another process: {job.name}')
            else:
                self._enter(job, results, folder, resumed=True)
            lock.close()
            return True
        (folder / RESULTS_FILE).unlink(missing_ok=True)
        resumed = holds_checkpoints(folder)
        call = [*self.command, *self._arguments(job, folder)]
        with (folder / CONSOLE_FILE).open('a') as console:
            console.write(f'$ {shlex.join(call)}\n')
            console.flush()
            process = subprocess.Popen(
                call, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, env=self._environment,
                pass_fds=[lock.fileno()],
            )  # fmt: skip
        self._running.append(_Process(job, folder, resumed, lock, process))
        return True

    def _arguments(self, job: Job, folder: Path) -> list[str]:
        teacher = ['--teacher', str(work_dir(self.root, job.teacher) / STUDENT_FILE)] if job.teacher else []
        config, *options = job.arguments
        return [config, '--work-dir', str(folder), '--resume', *teacher, *options]

    @property
    def _environment(self) -> dict[str, str]:
        """The environment, in which runs side by side share the cores."""
        threads = max(1, (os.cpu_count() or 1) // self.parallel)
        return {'OMP_NUM_THREADS': str(threads), **os.environ}

    def _collect(self) -> None:
        """Enters the runs that have ended."""
        for entry in [entry for entry in self._running if entry.process.poll() is not None]:
            self._running.remove(entry)
            results = results_of(entry.job, entry.folder) if entry.process.returncode == 0 else None
            if results:
                self._enter(entry.job, results, entry.folder, entry.resumed)
            elif entry.process.returncode == STOPPED:
                self._put_off(entry.job, 'by a signal; what it has saved stays, and the same command continues it')
            else:
                row = failed_row(entry.job, entry.process.returncode, entry.folder, self.root)
                self.ledger.append(row)
                self._give_up(entry.job, f'see {row["log"]}, which ends with:\n    ' + '\n    '.join(row['error']))
            entry.lock.close()

    def _enter(self, job: Job, results: dict[str, Any], folder: Path, resumed: bool) -> None:
        row = done_row(job, results, folder, self.root, resumed)
        self.ledger.append(row)
        tidy(folder)
        figures = ', '.join(f'{name} {value}' for name, value in row['student']['metrics'].items())
        self.tell(f'done: {job.name}: {figures}')

    def _give_up(self, job: Job, reason: str) -> None:
        self.failed[job.key] = reason
        self.tell(f'failed: {job.name}: {reason}')

    def _put_off(self, job: Job, reason: str) -> None:
        self.stopped[job.key] = reason
        self.tell(f'stopped: {job.name}: {reason}')


def train_command(repository: Path) -> list[str]:
    """What trains one config of a repository."""
    return [sys.executable, os.path.relpath(repository / 'tools' / 'train.py')]
