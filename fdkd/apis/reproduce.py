"""From the name of a table to the table: plan, run what is missing, fill, write."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prettytable import PrettyTable

from fdkd.analysis.plots import write_figure
from fdkd.apis.options import RunOptions
from fdkd.engine.saving import STUDENT_FILE
from fdkd.errors import ConfigError, FdkdError
from fdkd.reproduce.estimate import seconds_of, spoken, total_seconds
from fdkd.reproduce.execute import Executor, in_order, missing, train_command, work_dir
from fdkd.reproduce.exhibits import DEFAULT_SEEDS, EXHIBITS, GROUPS, TAKE_METHODS, Exhibit
from fdkd.reproduce.fill import Filler
from fdkd.reproduce.ledger import FILE, Ledger
from fdkd.reproduce.render import render, write
from fdkd.reproduce.render.picture import points_figure
from fdkd.reproduce.result import ResultTable
from fdkd.reproduce.rows import results_of
from fdkd.reproduce.runs import Job, Run, Workshop, stem_of
from fdkd.reproduce.tables import Protocol
from fdkd.reproduce.watch import Watch


@dataclass(frozen=True)
class Reproduction:
    """One or several exhibits under one protocol.

    Args:
        names: Keys of :data:`~fdkd.reproduce.exhibits.EXHIBITS` or :data:`~fdkd.reproduce.exhibits.GROUPS`.
        data: Data sets, as the configs are called after them.
        seeds: Seeds of every figure; where ``None``, 0, 1 and 2, and for Figure 5, as in the paper, one.
        root: Folder of the ledger, the runs and the tables.
        repository: Folder of ``configs/`` and ``tools/``.
        methods: Methods of Tables 1 and 2; all where ``None``.
        options: What differs from the configs in every run.
        budget: Share of the configs' epochs.
    """

    names: Sequence[str]
    data: Sequence[str]
    seeds: Sequence[int] | None
    root: Path
    repository: Path
    methods: Sequence[str] | None = None
    options: RunOptions = field(default_factory=RunOptions)
    budget: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.budget < math.inf:
            raise ConfigError(f'--budget {self.budget}: expected a share of the epochs above 0')
        if self.options.data_root and len(self.data) > 1:
            raise ConfigError(f'--data-root {self.options.data_root}: one folder for {len(self.data)} data sets')
        for option, values in (('data', self.data), ('seeds', self.seeds or ()), ('methods', self.methods or ())):
            if len(set(values)) < len(values):
                raise ConfigError(f'--{option} {" ".join(map(str, values))}: one of them is there twice')

    def prepare(self) -> 'Prepared':
        """Plans everything and looks up what is done; prints what is damaged or blocked.

        Raises:
            ConfigError: If a name, data set or method is unknown, or nothing takes the methods.
        """
        workshop = Workshop(self.repository, self.options, self.budget)
        wanted = [name for group in self.names for name in GROUPS.get(group, (group,))]
        if unknown := [name for name in wanted if name not in EXHIBITS]:
            raise ConfigError(f'{unknown[0]}: no such table or figure; there are {", ".join([*EXHIBITS, *GROUPS])}')
        if self.methods and not set(TAKE_METHODS) & set(wanted):
            raise ConfigError(
                f'--methods {" ".join(self.methods)}: only {" and ".join(TAKE_METHODS)} take methods, the rows of '
                f'{", ".join(wanted)} are fixed: leave it out'
            )
        exhibits: dict[str, Exhibit] = {}
        for name in wanted:
            protocol = Protocol(workshop, self.data, self.seeds or DEFAULT_SEEDS.get(name, (0, 1, 2)))
            exhibits[name] = EXHIBITS[name](protocol, self.methods)
        ledger = Ledger(self.root / FILE)
        prepared = Prepared(self, workshop, exhibits, ledger)
        ledger.rows()
        for line, reason in ledger.damaged:
            print(f'{ledger.path}, line {line}: skipped, {reason}')
        for reason, runs in prepared.blocked.items():
            print(f'blocked: {len(runs)} runs, for example {runs[0].config}: {reason}')
        return prepared


class Prepared:
    """Exhibits with their jobs: what :meth:`Reproduction.prepare` makes."""

    #: How many runs were stopped when :meth:`run` ran them, or wait for a teacher that was.
    stopped: int = 0

    def __init__(self, asked: Reproduction, workshop: Workshop, exhibits: dict[str, Exhibit], ledger: Ledger) -> None:
        self.asked, self.exhibits, self.ledger = asked, exhibits, ledger
        self._workshop = workshop
        self.blocked: dict[str, list[Run]] = {}
        self._of: dict[Run, Job] = {}
        for run in dict.fromkeys(run for exhibit in exhibits.values() for run in exhibit.all_runs):
            try:
                self._of[run] = workshop.job(run)
            except FdkdError as error:
                self.blocked.setdefault(str(error), []).append(run)
        self.jobs = in_order(self._of.values())
        drawn = [self._of[run] for exhibit in exhibits.values() for run in exhibit.runs if run in self._of]
        self.missing = missing(self.jobs, ledger, asked.root, drawn)

    def list_runs(self, parallel: int) -> str:
        """A table of all runs, done, to do or blocked, with an estimate of the time that is missing."""
        rows = self.ledger.rows()
        newest, waiting = self.ledger.newest(), {job.key for job in self.missing}
        table = PrettyTable(['run', 'epochs', 'state', 'time'], align='l')
        for run in (run for runs in self.blocked.values() for run in runs):
            table.add_row(self._blocked_row(run, rows))
        for job in self.jobs:
            failed = newest.get(job.key, {}).get('status') == 'failed'
            state = 'done' if job.key not in waiting else 'failed, again' if failed else 'to do'
            time = spoken(seconds_of(job, rows)) if job.key in waiting else ''
            table.add_row([job.name, job.epochs, state, time])
        return f'{table}\n{self._outlook(parallel)}'

    def _blocked_row(self, run: Run, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """A line of :meth:`list_runs`; the time is that of runs of the same config, where the ledger has some."""
        try:
            job = Job(run, None, self._workshop.config(run), '', '', ())
        except FdkdError:  # the config is what blocks it
            return [stem_of(run), '', 'blocked', '']
        return [stem_of(run), job.epochs, 'blocked', spoken(seconds_of(job, rows))]

    def run(self, parallel: int) -> dict[str, str]:
        """Runs what is missing, and returns the names of the runs that failed, with why."""
        if not self.missing:
            return {}
        print(self._outlook(parallel), flush=True)
        command = train_command(self.asked.repository)
        with Watch(len(self.missing)) as watch:
            executor = Executor(self.ledger, self.asked.root, command, parallel, watch.tell)
            executor.run(self.missing, watch.update)
        self.stopped = len(executor.stopped)
        names = {job.key: job.name for job in self.jobs}
        return {names[key]: reason for key, reason in executor.failed.items()}

    def shortfall(self, failed: Mapping[str, str]) -> str | None:
        """How many of all runs failed, as :meth:`run` said, were stopped or wait, or are blocked; ``None`` if none."""
        blocked = sum(map(len, self.blocked.values()))
        total = len(self.jobs) + blocked
        counts = {'failed': len(failed), 'stopped or waiting': self.stopped, 'blocked': blocked}
        lacking = [f'{number} {what}' for what, number in counts.items() if number]
        again = 'tries them again' if failed or blocked else 'continues them'
        return f'of {total} runs, {" and ".join(lacking)}: the same command {again}' if lacking else None

    def _outlook(self, parallel: int) -> str:
        blocked = sum(map(len, self.blocked.values()))
        count = f'{len(self.missing)} of {len(self.jobs) + blocked} runs to do'
        rest = f'; {blocked} are blocked' if blocked else ''
        seconds = total_seconds(self.missing, self.ledger.rows(), parallel)
        return f'{count}, {parallel} at a time: {spoken(seconds)}{rest}' if self.missing else count + rest

    def tables(self) -> list[ResultTable]:
        """Fills and prints the tables, writes those that are not blocked as a whole, and draws what can be drawn.

        They go to a folder below the ledger's, called after the data and what was chosen: methods, options, budget.
        """
        filler = Filler(self.ledger.newest(), self._of.get, self.asked.root, self._workshop.setting)
        self._folder.mkdir(parents=True, exist_ok=True)
        filled = []
        for name, exhibit in self.exhibits.items():
            tables = [filler.fill(plan) for plan in exhibit.plans]
            for plan, table in zip(exhibit.plans, tables, strict=True):
                print(render(table, 'terminal'))
                if any(run in self._of for run in plan.runs):
                    paths = write(table, self._folder, plan.name)
                    if not plan.matrix:  # which is drawn as a map
                        paths.append(self._folder / f'{plan.name}.png')
                        write_figure(paths[-1], points_figure(table, plan.baseline_row))
                    print(f'written: {", ".join(map(str, paths))}')
            self._draw(name, exhibit, tables)
            filled += tables
        return filled

    def _draw(self, name: str, exhibit: Exhibit, tables: Sequence[ResultTable]) -> None:
        if exhibit.draw is None:
            return
        if undone := [run for run in exhibit.runs if not self._is_done(run)]:
            print(f'{name}: not drawn, {len(undone)} runs are not done, for example {undone[0].config}')
            return
        try:
            pictures = exhibit.draw(self._folder, tables, self._weights)
        except FdkdError as error:  # the other exhibits have nothing to do with it
            print(f'{name}: not drawn: {error}')
        else:
            print(f'drawn: {", ".join(map(str, pictures))}')

    @property
    def _folder(self) -> Path:
        chosen = [f'{name}-{value}' for name, value in self._workshop.setting.items()]
        budget = [] if self.asked.budget == 1 else [f'budget-{self.asked.budget:g}']
        return self.asked.root / '-'.join([*self.asked.data, *(self.asked.methods or ()), *chosen, *budget])

    def _weights(self, run: Run) -> tuple[Job, Path]:
        job = self._of[run]
        return job, work_dir(self.asked.root, job) / STUDENT_FILE

    def _is_done(self, run: Run) -> bool:
        if run not in self._of:  # told where the run was planned
            return False
        job, weights = self._weights(run)
        return results_of(job, weights.parent) is not None
