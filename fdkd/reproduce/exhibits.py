"""What can be reproduced, by name: tables, controls and figures, each with the runs that it needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fdkd.errors import ConfigError
from fdkd.reproduce import controls, figures, tables
from fdkd.reproduce.plans import Plan
from fdkd.reproduce.runs import Run
from fdkd.reproduce.sweep import sweep
from fdkd.reproduce.tables import Protocol


@dataclass(frozen=True)
class Exhibit:
    """A table or figure.

    Attributes:
        plans: Its tables.
        runs: Runs that it needs beside those of its tables.
        draw: What draws its pictures, where it has some.
    """

    plans: tuple[Plan, ...] = ()
    runs: tuple[Run, ...] = ()
    draw: figures.Draw | None = None

    @property
    def all_runs(self) -> list[Run]:
        """Every run once."""
        return list(dict.fromkeys([*(run for plan in self.plans for run in plan.runs), *self.runs]))


def _table(build: Callable[[Protocol], Plan]) -> Callable[[Protocol, Sequence[str] | None], Exhibit]:
    return lambda protocol, methods: Exhibit((build(protocol),))


def _comparison(name: str) -> Callable[[Protocol, Sequence[str] | None], Exhibit]:
    def build(protocol: Protocol, methods: Sequence[str] | None) -> Exhibit:
        plan = tables.comparison(protocol, methods)
        if plan.name != name:
            raise ConfigError(f'{name}: {", ".join(protocol.data)} stands in {plan.name}')
        return Exhibit((plan,))

    return build


def _figure5(protocol: Protocol, methods: Sequence[str] | None) -> Exhibit:
    return Exhibit(tuple(sweep(protocol, pair) for pair in protocol.pairs), draw=figures.heat_maps(protocol))


def _figure1(protocol: Protocol, methods: Sequence[str] | None) -> Exhibit:
    _refuse_maps('fig1', protocol)
    return Exhibit(runs=_ends(protocol, protocol.seeds), draw=figures.similarity(protocol))


def _figure2(protocol: Protocol, methods: Sequence[str] | None) -> Exhibit:
    return Exhibit(runs=_ends(protocol, protocol.seeds[:1]), draw=figures.scales(protocol))


def _figure6(protocol: Protocol, methods: Sequence[str] | None) -> Exhibit:
    _refuse_maps('fig6', protocol)
    seed = protocol.seeds[0]
    taught = [pair.taught(method, seed) for pair in protocol.pairs for method in figures.EMBEDDED]
    return Exhibit(runs=(*_ends(protocol, [seed]), *taught), draw=figures.embeddings(protocol))


def _refuse_maps(name: str, protocol: Protocol) -> None:
    if dense := [data for data in protocol.data if data in tables.DENSE]:
        raise ConfigError(f'{name}: --data {dense[0]}: it compares vectors with one class each, and these are maps')


def _ends(protocol: Protocol, seeds: Sequence[int]) -> tuple[Run, ...]:
    """The models of every pair, each trained alone."""
    configs = dict.fromkeys(config for pair in protocol.pairs for config in (pair.student_config, pair.teacher_config))
    return tuple(Run(config, seed) for config in configs for seed in seeds)


#: Name to what builds it of a protocol and, for Tables 1 and 2, the chosen methods.
EXHIBITS: dict[str, Callable[[Protocol, Sequence[str] | None], Exhibit]] = {
    'table1': _comparison('table1'),
    'table2': _comparison('table2'),
    'table3': _table(tables.ablation),
    'table4': _table(tables.bands),
    'frequency': _table(controls.frequency),
    'cutoff': _table(controls.cutoff),
    'teacher': _table(controls.teacher),
    'log': _table(controls.logarithm),
    'fig1': _figure1,
    'fig2': _figure2,
    'fig4': lambda protocol, methods: Exhibit(draw=figures.curves),
    'fig5': _figure5,
    'fig6': _figure6,
}
#: Those whose rows can be chosen.
TAKE_METHODS = ('table1', 'table2')
#: Seeds where it is not three.
DEFAULT_SEEDS = {'fig5': (0,)}
#: Several at once.
GROUPS = {'controls': ('frequency', 'cutoff', 'teacher', 'log')}
