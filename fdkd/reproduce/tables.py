"""The paper's tables as plans."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from fdkd.errors import ConfigError
from fdkd.reproduce.pairs import Pair, find_pairs, methods
from fdkd.reproduce.paper import METHOD_NAMES, TITLES, paper_figure, paper_note
from fdkd.reproduce.plans import Plan, PlanCell, PlanRow, Shown
from fdkd.reproduce.runs import Run, Workshop

#: The dense data sets; the paper scores them in a table of their own.
DENSE = ('nyu',)
#: The key of the student that learns without a teacher.
ALONE = 'unimodal'
#: Table 3: what of Freq, Align, Scale and Log is on.
ABLATION = (
    (False, False, False, False),
    (True, False, False, False),
    (False, True, False, False),
    (True, True, False, False),
    (True, False, True, False),
    (True, True, True, False),
    (True, True, True, True),
)
#: Table 4: the weight that leaves a band out, by (high, low).
BANDS = {(True, False): 'low', (False, True): 'high', (True, True): None}


class Protocol:
    """What all tables of one call share.

    Args:
        workshop: Makes jobs of runs.
        data: Names of the data sets.
        seeds: Seeds of every cell.
    """

    def __init__(self, workshop: Workshop, data: Sequence[str], seeds: Sequence[int]) -> None:
        self.workshop, self.data, self.seeds = workshop, tuple(data), tuple(seeds)
        self.pairs = [pair for name in data for pair in find_pairs(workshop, name)]

    def row(
        self,
        labels: str | Sequence[str],
        make: Callable[[Pair, int], Run | None],
        paper: tuple[str, Any] | None = None,
        shown: Shown = 'student',
        ranked: bool = True,
    ) -> PlanRow:
        """The row of what ``make`` makes of each pair and seed; where it makes nothing, the row does not apply.

        Args:
            labels: The row's labels.
            make: From a pair and a seed to a run.
            paper: Table and row of the paper's figures, as :func:`~fdkd.reproduce.paper.paper_figure` takes them.
            shown: See :class:`~fdkd.reproduce.plans.PlanCell`.
            ranked: Whether the row competes.
        """
        cells = []
        for pair in self.pairs:
            runs = tuple(make(pair, seed) for seed in self.seeds)
            figure, note = _of_the_paper(pair, *paper) if paper else (None, None)
            cells.append(None if None in runs else PlanCell(runs, figure, note, shown))
        return PlanRow((labels,) if isinstance(labels, str) else tuple(labels), tuple(cells), ranked)

    def references(self, blanks: int = 0, paper: tuple[str, Any] | None = None) -> list[PlanRow]:
        """What every figure is read against: the most frequent class, the teacher, and, ranked, the student alone.

        Args:
            blanks: How many label columns stay empty.
            paper: The paper's figures of the student alone, as for :meth:`row`.
        """
        rest = ('',) * blanks
        rows = [
            self.row(('most frequent class', *rest), _classifies, shown='majority', ranked=False),
            self.row(('the teacher', *rest), lambda pair, seed: Run(pair.teacher_config, seed), ranked=False),
            self.row((METHOD_NAMES[ALONE], *rest), Pair.alone, paper),
        ]
        return [row for row in rows if any(row.cells)]

    def plan(
        self,
        name: str,
        title: str,
        heads: Sequence[str],
        rows: Sequence[PlanRow],
        *notes: str,
        alone: Callable[[Pair, int], Run] = Pair.alone,
    ) -> Plan:
        """A plan with this protocol's columns, and with what ``alone`` makes as baselines."""
        columns = tuple(pair.column for pair in self.pairs)
        if len(set(columns)) < len(columns):  # a student with several teachers
            columns = tuple(pair.name for pair in self.pairs)
        baselines = self.row('alone', alone).cells
        return Plan(name, title, tuple(heads), columns, baselines, tuple(rows), notes)


def comparison(protocol: Protocol, chosen: Sequence[str] | None = None) -> Plan:
    """Tables 1 and 2: every method, or the ``chosen`` ones, on every pair.

    Raises:
        ConfigError: If a chosen method has no config for any of the pairs.
    """
    name = 'table2' if set(protocol.data) <= set(DENSE) else 'table1'
    known = methods(protocol.workshop, protocol.pairs, tuple(METHOD_NAMES))
    if unknown := [method for method in chosen or () if method not in known]:
        raise ConfigError(
            f'--methods {unknown[0]}: no config on {", ".join(protocol.data)}; there are {", ".join(known)}'
        )

    def row(method: str) -> PlanRow:
        return protocol.row(METHOD_NAMES.get(method, method), partial(_taught, method), (name, method))

    rows = [*protocol.references(paper=(name, ALONE)), *map(row, chosen or known)]
    return protocol.plan(name, TITLES[name], ('method',), rows)


def ablation(protocol: Protocol) -> Plan:
    """Table 3: the parts of FD-CMKD; without all of them it is Feat.

    Raises:
        ConfigError: If a data set is dense, whose configs have none of the classifiers that are a part.
    """
    if dense := [name for name in protocol.data if name in DENSE]:
        raise ConfigError(f'table3: --data {dense[0]}: its configs have no band classifiers that Align could switch')

    def row(switches: tuple[bool, ...]) -> PlanRow:
        names = ('freq', 'align', 'scale', 'log')
        off = [(f'model.losses.fdkd.{name}', False) for name, on in zip(names, switches, strict=True) if not on]
        make = partial(_taught, 'fdkd', changes=off) if any(switches) else partial(_taught, 'feat')
        labels = ['x' if on else '' for on in switches]
        return protocol.row(labels, make, ('table3', switches))

    note = (
        "Freq includes the student's own band classifiers, which belong to the task loss (Eq. 11); "
        'without Freq, Align is one shared classifier on the raw feature.'
    )
    rows = [*protocol.references(blanks=3), *map(row, ABLATION)]
    return protocol.plan('table3', TITLES['table3'], ('Freq', 'Align', 'Scale', 'Log'), rows, note)


def bands(protocol: Protocol) -> Plan:
    """Table 4: one band alone."""

    def row(on: tuple[bool, bool]) -> PlanRow:
        changes = [(f'model.losses.fdkd.lambda_{BANDS[on]}', 0.0)] if BANDS[on] else []
        labels = ['x' if there else '' for there in on]
        make = partial(_taught, 'fdkd', changes=changes)
        return protocol.row(labels, make, ('table4', on))

    rows = [*protocol.references(blanks=1), *map(row, BANDS)]
    return protocol.plan('table4', TITLES['table4'], ('High', 'Low'), rows)


def _classifies(pair: Pair, seed: int) -> Run | None:
    return None if pair.data in DENSE else pair.alone(seed)


def _taught(method: str, pair: Pair, seed: int, changes: Sequence[tuple[str, Any]] = ()) -> Run | None:
    return pair.taught(method, seed, *changes)


def _of_the_paper(pair: Pair, table: str, row: Any) -> tuple[float | None, str | None]:
    place = (table, pair.data, pair.student, row)
    return paper_figure(*place), paper_note(*place)
