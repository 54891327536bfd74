"""A filled table: what a plan yields once its runs are finished, and what is still missing of it."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """Where a difference lies, both ends included."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:  # also where an end is NaN
            raise ValueError(f'an interval needs low <= high, not {self.low} and {self.high}')

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Comparison:
    """A method minus the student alone, in points.

    Attributes:
        difference: Mean of the differences between runs of the same seed.
        over_seeds: 95 % interval over seeds: what other seeds might give. ``None`` with fewer than two.
        over_samples: 95 % interval over test samples: what another test set might give. ``None`` where predictions are
            not known.
    """

    difference: float
    over_seeds: Interval | None = None
    over_samples: Interval | None = None

    @property
    def within_noise(self) -> bool:
        """Whether a known interval contains 0, or none is known."""
        known = [interval for interval in (self.over_seeds, self.over_samples) if interval is not None]
        return not known or any(0 in interval for interval in known)


@dataclass(frozen=True)
class Cell:
    """The runs of one method on one column; higher is better.

    Attributes:
        values: Figure of each finished seed, in %.
        planned: How many seeds are planned, at least one.
        paper: The paper's figure, in %.
        comparison: With the student alone.
        marks: Texts of footnotes; the renderer numbers them, the same text with the same number.
        failed: How many seeds' runs failed.
    """

    values: tuple[float, ...]
    planned: int
    paper: float | None = None
    comparison: Comparison | None = None
    marks: tuple[str, ...] = ()
    failed: int = 0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, self.values)):
            raise ValueError(f'a run without a figure is not finished: {self.values}')
        if self.planned < 1 or self.failed < 0 or len(self.values) + self.failed > self.planned:
            raise ValueError(f'{len(self.values)} finished and {self.failed} failed seeds of {self.planned} planned')

    @property
    def mean(self) -> float | None:
        """Mean over the finished seeds; ``None`` where there is none."""
        return float(np.mean(self.values)) if self.values else None

    @property
    def std(self) -> float | None:
        """Standard deviation over the finished seeds (n - 1 in the denominator); ``None`` with fewer than two."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None

    @property
    def finished(self) -> bool:
        """Whether all planned seeds are there."""
        return len(self.values) == self.planned


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        labels: One for each head of the table.
        cells: One for each column; ``None`` where the row does not apply.
        ranked: Whether the row competes for best and second; a teacher or a majority class does not.
    """

    labels: tuple[str, ...]
    cells: tuple[Cell | None, ...]
    ranked: bool = True


@dataclass(frozen=True)
class ResultTable:
    """A table with what is known of it.

    Attributes:
        title: One line.
        heads: Titles of the columns that name a row, such as ``('method',)``.
        columns: Titles of the columns with figures; heads and columns all differ.
        rows: Top to bottom.
        caption: What the figures are, in a sentence or two.
        notes: Further remarks, each of its own.
        matrix: Whether rows and columns are settings of one student, so that the best is that of the whole table.
    """

    title: str
    heads: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    caption: str
    notes: tuple[str, ...] = ()
    matrix: bool = False

    def __post_init__(self) -> None:
        titles = (*self.heads, *self.columns)
        if len(set(titles)) < len(titles):
            raise ValueError(f'the columns of {self.title!r} need titles that differ, not {titles}')
        for row in self.rows:
            if (len(row.labels), len(row.cells)) != (len(self.heads), len(self.columns)):
                raise ValueError(
                    f'row {row.labels} of {self.title!r} has {len(row.labels)} labels and {len(row.cells)} cells, but '
                    f'the table has {len(self.heads)} heads and {len(self.columns)} columns'
                )
