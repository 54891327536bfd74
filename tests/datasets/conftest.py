"""What the tests of the classification data sets share."""

import csv
from pathlib import Path

import pytest

from fdkd.datasets.annotations import read_table

ANNOTATIONS = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'annotations'


@pytest.fixture
def official():
    """The folder with the publishers' own lists."""
    if not ANNOTATIONS.is_dir():
        pytest.skip(f'the official annotation files are not at {ANNOTATIONS}')
    return ANNOTATIONS


@pytest.fixture
def media(tmp_path):
    """A function that makes an empty file for every name that a pattern gives over a table's rows; returns the root."""

    def make(table, pattern, columns, delimiter=None):
        for row in read_table(table, columns, delimiter):
            path = tmp_path / pattern.format_map(row)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


@pytest.fixture
def table(tmp_path):
    """A function that writes rows with a header to ``tmp_path``, and an empty file for each path among the rest."""

    def make(name, header, rows, files=()):
        with (tmp_path / name).open('w', newline='') as file:
            csv.writer(file).writerows([header.split(), *rows])
        for path in files:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
        return tmp_path

    return make
