"""The table that all tasks share: one column a model."""

import math
from collections.abc import Mapping
from typing import Any

from prettytable import PrettyTable

from fdkd.packaged import shown


def side_by_side(results: dict[str, Any], heading: str, figure: str, totals: Mapping[str, str]) -> str:
    """The student beside its teacher: one row a class, then the figures of all classes together.

    Args:
        results: What ``results.json`` holds.
        heading: What the rows of the classes show.
        figure: Which figure of a class that is. Classes for which no model has one are left out.
        totals: Name of a metric to its title. A model that lacks it gets a dash.
    """
    models = [name for name in results if name in ('student', 'teacher') or name.startswith('teacher ')]
    drawn = PrettyTable([heading, *(f'{name} ({results[name]["modality"]})' for name in models)])
    drawn.align, drawn.align[heading] = 'r', 'l'
    for label in results[models[0]]['per_class']:
        figures = [results[name]['per_class'][label][figure] for name in models]
        if not all(math.isnan(value) for value in figures):
            drawn.add_row([label, *map(_cell, figures)])
    drawn.add_divider()
    for metric, title in totals.items():
        drawn.add_row([title, *(_cell(results[name]['metrics'].get(metric, math.nan)) for name in models)])
    selection, samples = f'{results["selection"]} ({results["epoch"]})', results[models[0]]['samples']
    config = shown(results['config'])
    drawn.title = f'{config}: {selection}, {samples:,} test samples, seed {results["seed"]}{_unread(results)}'
    return drawn.get_string()


def _unread(results: dict[str, Any]) -> str:
    """How many training samples could not be read, where a training went on without them."""
    skipped = results.get('skipped', {'number': 0})
    return f', {skipped["number"]} of {skipped["of"]:,} training samples unreadable' if skipped['number'] else ''


def _cell(value: float) -> str:
    return '-' if math.isnan(value) else f'{value:.2f}'
