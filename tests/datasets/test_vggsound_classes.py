"""The names against the publishers' lists."""

import csv

from fdkd.datasets.annotations import read_table
from fdkd.datasets.vggsound_classes import CLASSES, CLASSES_50


def test_all_classes(official):
    with (official / 'vggsound' / 'stat.csv').open(newline='') as file:
        assert list(CLASSES) == sorted(row[0] for row in csv.reader(file))
    assert len(CLASSES) == 309


def test_the_fifty(official):
    rows = read_table(official / 'vggsound' / 'c2kd_test_tiny.csv', ('ytid', 'start', 'label', 'split'))
    assert list(CLASSES_50) == sorted({row['label'] for row in rows})
    assert len(CLASSES_50) == 50
    assert set(CLASSES_50) < set(CLASSES)
