"""The page: which runs it shows and where it is written."""

import base64
import hashlib
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fdkd.errors import DataError
from fdkd.files import written_whole
from fdkd.printable import printable
from fdkd.report import charts, sections, summary
from fdkd.report.config import Difference, differences
from fdkd.report.predictions import mistakes
from fdkd.report.run import Run, read_run
from fdkd.version import __version__

#: So many configs are compared in columns of their own; more are grouped by value.
SIDE_BY_SIDE = 6


def report(work_dirs: Sequence[str | Path], out: str | Path) -> Path:
    """Writes one HTML page about some runs, in one step; problems are told on the page and on stderr.

    Args:
        work_dirs: Folders of runs, finished or not, of any task. Folders that are none are told and left out.
        out: File to write; folders above it are made.

    Returns:
        ``out``.

    Raises:
        DataError: If no work dir is given, or none is a run.
    """
    if not work_dirs:
        raise DataError('no work dirs given, expected at least one folder of a run')
    runs, problems = read_runs(list(map(Path, work_dirs)))
    if not runs:
        raise DataError('\n'.join(problems))
    for problem in [*problems, *(problem for run in runs for problem in run.problems)]:
        print(f'note: {printable(problem)}', file=sys.stderr)
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(out) as partial:
        partial.write_text(render(runs, problems), encoding='utf-8', errors='backslashreplace')
    return out


def read_runs(folders: Sequence[Path]) -> tuple[list[Run], list[str]]:
    """The runs in these folders, their labels unique, and what is wrong with the others."""
    runs: dict[Path, Run] = {}
    problems = []
    for folder in folders:
        if folder.resolve() in runs:
            problems.append(f'{folder}: given more than once; shown once')
            continue
        try:
            runs[folder.resolve()] = read_run(folder)
        except DataError as error:
            problems.append(str(error))
    for run, label in zip(runs.values(), unique_labels(list(runs)), strict=True):
        run.label = label
    return list(runs.values()), problems


def unique_labels(folders: Sequence[Path]) -> list[str]:
    """The name of each folder, with as many of the folders above it as set it apart from the others."""
    depth = dict.fromkeys(folders, 1)
    while True:
        labels = ['/'.join(folder.parts[-depth[folder] :]) for folder in folders]
        shared = {label for label, number in Counter(labels).items() if number > 1}
        if not shared:
            return labels
        for folder, label in zip(folders, labels, strict=True):
            depth[folder] += label in shared


def render(runs: Sequence[Run], problems: Sequence[str] = ()) -> str:
    """The page as text.

    Args:
        runs: What it shows, in this order.
        problems: What is wrong beside the problems of the runs.
    """
    tables = summary.tables(runs)
    return _environment().get_template('page.html').render(
        runs=runs,
        problems=problems,
        tables=tables,
        validation=summary.validation_charts(runs),
        unvalidated=[run.label for run in runs if not run.history.validation],
        compared=[comparison for table in tables if (comparison := compare([run for _, run in table.runs]))],
        now=datetime.now().astimezone(),
        version=__version__,
    )  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """What tells the configs of some runs apart: keys that steer a run, and the rest."""

    runs: list[Run]
    steering: list[Difference]
    rest: list[Difference]
    side_by_side: bool


def compare(runs: Sequence[Run]) -> Comparison | None:
    """Compares the configs of runs of one task; None unless two have one."""
    runs = [run for run in runs if run.config is not None]
    if len(runs) < 2:
        return None
    rows = differences([run.config for run in runs])
    steering = [row for row in rows if row.effective]
    return Comparison(runs, steering, [row for row in rows if not row.effective], len(runs) <= SIDE_BY_SIDE)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader('fdkd.report'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = environment.get_template('script.js').render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals |= {'charts': charts, 'sections': sections, 'summary': summary, 'mistakes': mistakes}
    environment.globals |= {'script': Markup(script), 'script_digest': digest}
    return environment
