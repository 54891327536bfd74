"""How many of the listed samples a conversion could use, by split and class."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from prettytable import PrettyTable

#: What can become of a listed sample.
STATES = ('usable', 'missing', 'unreadable', 'silent')


class Row(NamedTuple):
    """One line of a split's list.

    Attributes:
        split: Its split.
        label: Its class, as the list spells it.
        name: Name of its files; several lines may share one.
    """

    split: str
    label: str
    name: str


def tally(rows: Iterable[Row], states: Mapping[str, str]) -> dict[str, Any]:
    """Counts lines by what became of their samples.

    Args:
        rows: All lines.
        states: One of :data:`STATES` by name.

    Returns:
        ``{'splits': {SPLIT: counts}, 'classes': {SPLIT: {LABEL: counts}}}``, where counts has ``listed``, ``found``
        (which is all but the missing ones) and each of :data:`STATES`.
    """
    splits: dict[str, dict[str, int]] = {}
    classes: dict[str, dict[str, dict[str, int]]] = {}
    for row in rows:
        state = states[row.name]
        by_label = classes.setdefault(row.split, {})
        for counts in (splits.setdefault(row.split, _zeros()), by_label.setdefault(row.label, _zeros())):
            counts['listed'] += 1
            counts['found'] += state != 'missing'
            counts[state] += 1
    ordered = {split: dict(sorted(by_label.items())) for split, by_label in classes.items()}
    return {'splits': splits, 'classes': ordered}


def table(splits: Mapping[str, Mapping[str, int]]) -> str:
    """The counts of :func:`tally` by split as a table, with the share that can be used."""
    names = ['listed', 'found', *STATES[2:], 'usable']
    lines = PrettyTable(['split', *names, 'share'], align='r')
    lines.align['split'] = 'l'
    for split, counts in splits.items():
        share = f'{100 * counts["usable"] / counts["listed"]:.1f} %'
        lines.add_row([split, *(f'{counts[name]:,}' for name in names), share])
    return lines.get_string()


def _zeros() -> dict[str, int]:
    return dict.fromkeys(('listed', 'found', *STATES), 0)
