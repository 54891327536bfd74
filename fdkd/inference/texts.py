"""Texts, from the command line or from files, and arrays of other sensors."""

import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from fdkd.datasets.annotations import read_table
from fdkd.datasets.transforms.arrays import real_numbers
from fdkd.datasets.transforms.text import load_tokenizer, mended
from fdkd.errors import DataError
from fdkd.inference.kinds import SEEMS, TABLES, Kind
from fdkd.inference.sources import Source, single

_FILES = ('.txt', *TABLES)


class Texts(Kind):
    """For ``Tokenize``: a string is a text, unless it is or looks like the name of a file."""

    SUFFIXES: ClassVar[Sequence[str]] = _FILES
    EXPECTED: ClassVar[str] = 'texts, .txt files with one in each line, or tables (.csv, .tsv) with a column of them'

    def _named(self, given: str | Path) -> Iterator[Source]:
        if isinstance(given, Path) or _is_path(given):
            yield from super()._named(given)
        else:
            yield _text('text', given[:60], given)

    def _folder(self, folder: Path) -> Iterator[Source]:
        raise self._refused(f'{folder}: a folder')

    def _file(self, path: Path) -> Iterator[Source]:
        texts = self._column(path) if path.suffix.lower() in TABLES else _lines(path)
        if not texts:
            raise DataError(f'{path}: no text in it')
        digits = len(str(len(texts)))
        for number, text in enumerate(texts, 1):
            yield _text(f'{path.stem}_{number:0{digits}d}', f'{path}, {number}', text)

    def _column(self, path: Path) -> list[str]:
        rows = read_table(path)
        columns = list(rows[0]) if rows else []
        name = self.reading.column or (columns[0] if len(columns) == 1 else self.modality)
        if rows and name not in columns:
            raise DataError(f'{path}: no column {name!r}; name one of {", ".join(columns)} with --column')
        return [row[name] for row in rows]

    def remark(self, value: str, x: Tensor) -> str | None:
        longest, tokenizer = self.loader.max_length, load_tokenizer(self.loader.model)
        if len(x) == longest and len(tokenizer(mended(value), verbose=False)['input_ids']) > longest:
            return f'longer than {longest} tokens, of which the student reads the first, as in its training'
        return None

    def _value(self, given: Any) -> Source:
        raise self._refused('an array')


class Arrays(Kind):
    """For ``LoadArray`` and foreign steps that read files."""

    def _value(self, given: Any) -> Source:
        return single('array', 'array', partial(_saved, np.asarray(given)))


def _is_path(text: str) -> bool:
    """Whether there is such a file, or somebody seems to think so."""
    return os.path.exists(text) or (Path(text).suffix.lower() in SEEMS and not re.search(r'\s', text))


def _lines(path: Path) -> list[str]:
    """The lines that are not blank; bytes that are no UTF-8 become U+FFFD, as in tables."""
    text = path.read_text(encoding='utf-8-sig', errors='replace')
    return [line for line in text.splitlines() if line.strip()]


def _text(name: str, shown: str, text: str) -> Source:
    return single(name, shown, lambda place: text)


def _saved(array: np.ndarray, place: Path) -> str:
    place.mkdir(exist_ok=True)
    path = place / 'given.npy'
    np.save(path, real_numbers(array, 'an array'), allow_pickle=False)
    return str(path)
