"""Tables of annotations as their publishers write them: csv or tsv, with or without header, packed or not."""

import codecs
import csv
import gzip
import io
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from fdkd.errors import ConfigError, DataError

#: Bytes of the longest table, unpacked: a packed one may be a thousand times as long as its file.
_LONGEST = 2**30


def read_table(
    path: str | Path, columns: Sequence[str] | None = None, delimiter: str | None = None
) -> list[dict[str, str]]:
    """The rows of a table in the file's order, each a value by column."""
    return [row for _, row in read_lines(path, columns, delimiter)]


def read_lines(
    path: str | Path, columns: Sequence[str] | None = None, delimiter: str | None = None
) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table in the file's order, each the line that it begins in, from 1, and a value by column.

    A byte-order mark, either kind of line end and blank lines are no part of a value. Bytes that are no UTF-8 become
    U+FFFD. Quotes enclose values except in tables with tabs, where tweets hold single quotes of their own.

    Args:
        path: The file. Where it is absent but the same name with ``.gz`` is there, that one is read.
        columns: Names of the columns of a table that has no header row.
        delimiter: One character; None means a tab for ``.tsv`` and a comma for all others.

    Raises:
        ConfigError: If ``columns`` names one twice, or ``delimiter`` is none.
        DataError: If the file is absent, damaged or longer than 1 GiB, has no header row or one that names a column
            twice, or if a row has more or fewer values than there are columns (with its line number).
    """
    path = table_path(path)
    if columns is not None and len(set(columns)) < len(columns):
        raise ConfigError(f'{path}: columns={list(columns)} names one of them twice')
    if delimiter is None:
        delimiter = '\t' if path.name.removesuffix('.gz').endswith('.tsv') else ','
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '\0\r\n"\ufeff':
        raise ConfigError(f'{path}: delimiter={delimiter!r}, expected one character, no quote and no end of a line')
    quoting = csv.QUOTE_NONE if delimiter == '\t' else csv.QUOTE_MINIMAL
    reader = csv.reader(io.StringIO(_text(path), newline=''), delimiter=delimiter, quoting=quoting, strict=True)
    rows, line = [], 1
    try:
        for row in reader:
            if any(value.strip() for value in row):
                rows.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f'{path}, line {line}: no row of a table ({error})') from error
    if columns is None:
        columns = _header(path, rows)
        rows = rows[1:]
    for line, row in rows:
        if len(row) != len(columns):
            raise DataError(
                f'{path}, line {line}: {len(row)} values, expected {len(columns)} ({", ".join(columns)}) '
                f'with {_named(delimiter)} between them'
            )
    return [(line, dict(zip(columns, row, strict=True))) for line, row in rows]


def table_path(path: str | Path) -> Path:
    """``path``, or the packed file beside it that stands in for it."""
    path = Path(path)
    packed = path.with_name(f'{path.name}.gz')
    return packed if os.path.isfile(packed) and not os.path.isfile(path) else path


def _text(path: Path) -> str:
    try:
        with gzip.open(path) if path.suffix == '.gz' else path.open('rb') as file:
            content = bytearray()
            while len(content) <= _LONGEST and (part := file.read(2**20)):
                content += part
    except FileNotFoundError as error:
        raise DataError(f'{path}: no such file, nor {path.name}.gz') from error
    except (OSError, EOFError, zlib.error, ValueError) as error:  # the last for a name with a zero byte
        raise DataError(f'{path}: cannot be read ({error})') from error
    if len(content) > _LONGEST:
        raise DataError(f'{path}: longer than {_LONGEST:,} bytes, expected a table of annotations')
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f'{path}: UTF-16, expected UTF-8: save the table in that encoding')
    return content.decode('utf-8-sig', errors='replace')


def _header(path: Path, rows: list[tuple[int, list[str]]]) -> list[str]:
    if not rows:
        raise DataError(f'{path}: empty, expected a row with the names of the columns')
    columns = [name.strip() for name in rows[0][1]]
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        raise DataError(f'{path}: the header row names {", ".join(map(repr, repeated))} more than once')
    return columns


def _named(delimiter: str) -> str:
    return {'\t': 'a tab', ',': 'a comma'}.get(delimiter, repr(delimiter))
