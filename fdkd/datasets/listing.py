"""What an annotation table lists: samples by id, split, label and group."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fdkd.datasets.annotations import read_lines, table_path
from fdkd.datasets.patterns import Pattern
from fdkd.errors import DataError


class Entry(NamedTuple):
    """One row.

    Attributes:
        sample_id: The sample's id.
        split: The split that it stands in.
        label: Its class after merging, or an empty string where it has none.
        group: What it shares with other samples (a speaker, a video), or None.
        row: The table's values by column, with ``sample_id`` and ``split`` among them.
        file, line: Where it stands; lines count from 1.
    """

    sample_id: str
    split: str
    label: str
    group: str | None
    row: dict[str, str]
    file: str = ''
    line: int = 0


class ListingError(DataError):
    """What is wrong with the samples that a table lists, all at once.

    Args:
        path: The table's file.
        problems: A sentence each; those on the whole table are the same for each of its splits.
    """

    def __init__(self, path: str, problems: Sequence[str]) -> None:
        super().__init__(path, problems)
        self.path, self.problems = path, tuple(problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return self.problems[0]
        short = (re.sub(f'^{re.escape(self.path)}[:,] ', '', problem) for problem in self.problems)
        lines = ''.join(f'\n  {number}. {problem}' for number, problem in enumerate(short, 1))
        return f'{self.path}: {len(self.problems)} problems{lines}'


@dataclass(frozen=True)
class Listing:
    """How to read a data set's table.

    Attributes:
        path: The file, with ``{split}`` where each split has its own.
        splits: Names of the splits.
        id, label, group: Patterns of what an :class:`Entry` has.
        sources: Further patterns that have to fit the columns.
        split_column: Column with the split's name, where one file holds all splits.
        columns: Names of the columns of a file without a header row.
        delimiter: As :func:`~fdkd.datasets.annotations.read_table` takes it.
        merge: Class by label, for labels that are not classes themselves.
    """

    path: str
    splits: Sequence[str]
    id: Pattern
    label: Pattern
    group: Pattern | None = None
    sources: Sequence[Pattern] = ()
    split_column: str = 'split'
    columns: Sequence[str] | None = None
    delimiter: str | None = None
    merge: Mapping[str, str] = field(default_factory=dict)

    def read(self, needed: str) -> list[Entry]:
        """The entries of all splits, apart from those other than ``needed`` whose own file is absent.

        Raises:
            DataError: If a file is no table, the file of ``needed`` is absent, or a pattern names an unknown column.
        """
        if '{split}' not in self.path:
            return self._entries(self.path, None)
        entries = []
        for split in self.splits:
            path = self.path.replace('{split}', split)
            if split == needed or table_path(path).is_file():
                entries += self._entries(path, split)
        return entries

    def _entries(self, path: str, split: str | None) -> list[Entry]:
        lines = read_lines(path, self.columns, self.delimiter)
        self._check_columns(path, [row for _, row in lines[:1]], split)
        entries = []
        for line, row in lines:
            row.setdefault('split', row[self.split_column].strip() if split is None else split)
            try:
                row['sample_id'] = self.id.fill(row).strip()
                label = self.label.fill(row).strip()
                group = None if self.group is None else self.group.fill(row)
            except DataError as error:
                raise DataError(f'{path}, line {line}: {error}') from error
            where = row[self.split_column].strip() if split is None else split
            entries.append(Entry(row['sample_id'], where, self.merge.get(label, label), group, row, path, line))
        return entries

    def _check_columns(self, path: str, rows: list[dict[str, str]], split: str | None) -> None:
        if not rows:
            return
        columns, problems = list(rows[0]), []
        if split is None and self.split_column not in columns:
            problems.append(f'split_column={self.split_column!r} is none of the columns {", ".join(columns)}')
        for pattern in filter(None, (self.id, self.label, self.group)):
            problems += pattern.check(columns, 'split')
        for pattern in self.sources:
            problems += pattern.check(columns, 'split', 'sample_id')
        if problems:
            raise DataError(f'{path}: ' + '; '.join(problems))


def hold_out(entries: Iterable[Entry], share: float) -> set[str]:
    """Ids of the same share of each class, rounded; the order of the table and the other classes have no say in it.

    Every class keeps a sample on either side where it has two; samples without a label are not held out.
    """
    classes = defaultdict(list)
    for entry in entries:
        if entry.label:
            classes[entry.label].append(entry.sample_id)
    held: set[str] = set()
    for ids in classes.values():
        count = min(max(round(share * len(ids)), 1), len(ids) - 1)
        held.update(sorted(ids, key=lambda name: hashlib.sha256(name.encode()).digest())[:count])
    return held
