"""Checks on what a table lists: each gives sentences on what is wrong, none where nothing is."""

import difflib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

from fdkd.datasets.listing import Entry

#: So many names, and labels that are no class, are named one by one.
_SHOWN = 5


def unknown_splits(entries: Iterable[Entry], splits: Collection[str]) -> list[str]:
    """One sentence if a row stands in none of ``splits``."""
    counts = Counter(entry.split for entry in entries if entry.split not in splits)
    if not counts:
        return []
    return [f'rows stand in splits other than {", ".join(splits)}: {_counted(counts)}; name all in splits']


def unknown_labels(entries: Iterable[Entry], classes: Sequence[str]) -> list[str]:
    """A sentence, with file and lines, for each label that is none of ``classes``; beyond five, one for all others."""
    known, rows = set(classes), defaultdict(list)
    for entry in entries:
        if entry.label and entry.label not in known:
            rows[entry.file, entry.label].append(f'{entry.line} ({entry.sample_id})')
    problems = []
    for (file, label), lines in list(rows.items())[:_SHOWN]:
        near = difflib.get_close_matches(label, classes, n=1)
        hint = f'; did you mean {near[0]!r}?' if near else ''
        place = f'{"lines" if len(lines) > 1 else "line"} {shown(lines)}'
        place += f' ({len(lines):,} rows in all)' if len(lines) > _SHOWN else ''
        problems.append(f'{file}, {place}: label {label!r} is none of the {len(known)} classes{hint}')
    if others := list(rows.items())[_SHOWN:]:
        number, files = sum(len(lines) for _, lines in others), dict.fromkeys(file for (file, _), _ in others)
        problems.append(f'{", ".join(files)}: {len(others):,} more labels are none of the classes, in {number:,} rows')
    return problems


def repeated_ids(entries: Iterable[Entry]) -> list[str]:
    """A sentence each on empty ids, ids that stand twice in a split, and ids in several splits, which is a leak."""
    splits = defaultdict(list)
    for entry in entries:
        splits[entry.sample_id].append(entry.split)
    problems = []
    if empty := splits.pop('', []):
        problems.append(f'{len(empty)} rows have an empty id')
    if twice := [name for name, found in splits.items() if len(set(found)) < len(found)]:
        problems.append(f'{len(twice)} ids stand more than once in a split: {shown(twice)}')
    if leaked := [name for name, found in splits.items() if len(set(found)) > 1]:
        names = ' and '.join(dict.fromkeys(splits[leaked[0]]))
        problems.append(f'{len(leaked)} ids stand in more than one split ({names}), which is a leak: {shown(leaked)}')
    return problems


def unseen_classes(labels: Collection[str], classes: Sequence[str]) -> list[str]:
    """One sentence if the ``labels`` of training leave out a class."""
    unseen = [name for name in classes if name not in labels]
    return [f'no training sample shows {len(unseen)} of {len(classes)} classes: {shown(unseen)}'] if unseen else []


def shared_groups(entries: Iterable[Entry]) -> tuple[int, int]:
    """How many groups stand in more than one split, and how many there are."""
    splits = defaultdict(set)
    for entry in entries:
        splits[entry.group].add(entry.split)
    return sum(len(found) > 1 for found in splits.values()), len(splits)


def shown(names: Sequence[str]) -> str:
    """The first five names."""
    return ', '.join(names[:_SHOWN]) + (', ...' if len(names) > _SHOWN else '')


def _counted(counts: Counter) -> str:
    return shown([f'{name!r} ({number} {"rows" if number > 1 else "row"})' for name, number in counts.items()])
