"""Which runs a table needs: its rows, its columns, and the trainings behind each cell."""

from dataclasses import dataclass
from typing import Literal

from fdkd.reproduce.runs import Run

#: What a cell shows of its runs.
Shown = Literal['student', 'majority']


@dataclass(frozen=True)
class PlanCell:
    """One figure of a table.

    Attributes:
        runs: One run a seed.
        paper: The paper's figure, where it has one.
        note: What is to be said of the paper's figure.
        shown: Which score of the runs it is: the student's, or the share of the most frequent class in the test set.
    """

    runs: tuple[Run, ...]
    paper: float | None = None
    note: str | None = None
    shown: Shown = 'student'


@dataclass(frozen=True)
class PlanRow:
    """One row: its labels, a cell a column (``None`` where the method does not apply), and whether it competes."""

    labels: tuple[str, ...]
    cells: tuple[PlanCell | None, ...]
    ranked: bool = True


@dataclass(frozen=True)
class Plan:
    """A table before its runs.

    Attributes:
        name: Stem of the files that it is written to.
        title: What stands above it.
        heads: Names of the label columns.
        columns: Names of the figures' columns.
        baselines: For each column the student that learns alone; ``None`` where the table does not apply.
        rows: The rows.
        notes: What a reader has to know of it.
        matrix: Whether rows and columns are settings of one student, so that the best is that of the whole table.
    """

    name: str
    title: str
    heads: tuple[str, ...]
    columns: tuple[str, ...]
    baselines: tuple[PlanCell | None, ...]
    rows: tuple[PlanRow, ...]
    notes: tuple[str, ...] = ()
    matrix: bool = False

    @property
    def runs(self) -> list[Run]:
        """Every run once, baselines first, since everything is compared with them."""
        cells = [*self.baselines, *(cell for row in self.rows for cell in row.cells)]
        return list(dict.fromkeys(run for cell in cells if cell for run in cell.runs))

    @property
    def baseline_row(self) -> int | None:
        """The number of the row that holds the baselines, where there is one."""
        wanted = [cell and cell.runs for cell in self.baselines]
        found = ([cell and cell.runs for cell in row.cells if row.ranked] for row in self.rows)
        return next((number for number, runs in enumerate(found) if runs == wanted), None)
