"""The ledger: one line for every run that ended, appended and never changed."""

import fcntl
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fdkd.errors import DataError

FILE = 'ledger.jsonl'
_CHECK = 'check'
#: What every row has, and of which type.
_NEEDED = {'key': str, 'name': str, 'status': str, 'config': str, 'seed': int}


class Damage(NamedTuple):
    """A line that is no row: its number from 1, and what is wrong with it."""

    line: int
    reason: str


class Ledger:
    """An append-only file of runs, one JSON object a line, each with a checksum.

    A row has ``key``, ``name``, ``status`` (``'done'`` or ``'failed'``), ``config`` and ``seed``; what else it holds
    :mod:`fdkd.reproduce.rows` says. Lines that were cut off or altered are skipped and listed in
    :attr:`damaged`; they stay in the file.

    Args:
        path: The file, which need not exist.

    Attributes:
        damaged: What the last reading skipped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged: list[Damage] = []

    def rows(self) -> list[dict[str, Any]]:
        """All rows in the order in which they were written.

        Raises:
            DataError: If the file cannot be read.
        """
        self.damaged, rows = [], []
        for number, line in enumerate(self._content().split(b'\n'), 1):
            if line.strip():
                try:
                    rows.append(_parse(line))
                except (ValueError, RecursionError) as error:  # the second for brackets in brackets
                    self.damaged.append(Damage(number, str(error)))
        return rows

    def _content(self) -> bytes:
        try:
            with self.path.open('rb') as file:
                fcntl.flock(file, fcntl.LOCK_SH)  # while nobody writes: half a line is not damage
                return file.read()
        except FileNotFoundError:
            return b''
        except OSError as error:
            raise DataError(f'{self.path}: the ledger cannot be read ({error.strerror})') from error

    def newest(self) -> dict[str, dict[str, Any]]:
        """The row of each key that counts: the last that is done, or else the last."""
        newest: dict[str, dict[str, Any]] = {}
        for row in self.rows():
            if row['status'] == 'done' or newest.get(row['key'], {}).get('status') != 'done':
                newest[row['key']] = row
        return newest

    def done(self) -> set[str]:
        """Keys of the runs that ended well."""
        return {key for key, row in self.newest().items() if row['status'] == 'done'}

    def append(self, row: Mapping[str, Any]) -> None:
        """Writes a row and waits until it is on the disk; processes that share the file take turns.

        Raises:
            DataError: If the row lacks something that every row has, or the disk takes no more.
            ValueError: If a value is NaN or infinite, for which JSON has no word.
        """
        if lacking := [key for key in _NEEDED if key not in row]:
            raise DataError(f'{self.path}: a row without {", ".join(lacking)}')
        plain = json.loads(json.dumps(row, allow_nan=False))  # as it will be read: a key that is a number becomes text
        line = json.dumps({**plain, _CHECK: _checksum(plain)}) + '\n'
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path) as file:
                end = file.seek(0, os.SEEK_END)
                if end and os.pread(file.fileno(), 1, end - 1) != b'\n':  # the last writer was killed
                    file.write(b'\n')
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DataError(f'{self.path}: a row cannot be written ({error.strerror}): {row["name"]}') from error


@contextmanager
def _locked(path: Path) -> Iterator[Any]:
    with path.open('a+b') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _parse(line: bytes) -> dict[str, Any]:
    """The row on a line.

    Raises:
        ValueError: If it is none.
    """
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError('no JSON, probably cut off') from error
    if not isinstance(row, dict) or any(key not in row for key in (*_NEEDED, _CHECK)):
        raise ValueError('lacks what every row has')
    if row.pop(_CHECK) != _checksum(row):
        raise ValueError('altered: its checksum does not fit')
    if wrong := [key for key, kind in _NEEDED.items() if not isinstance(row[key], kind)]:
        raise ValueError(f'{wrong[0]} is {row[wrong[0]]!r:.60}')
    return row


def _checksum(row: Mapping[str, Any]) -> str:
    return f'{zlib.crc32(json.dumps(row, sort_keys=True).encode()):08x}'
