"""Each check's sentence, by hand."""

from fdkd.datasets.listing import Entry
from fdkd.datasets.listing_checks import (
    repeated_ids,
    shared_groups,
    shown,
    unknown_labels,
    unknown_splits,
    unseen_classes,
)


def entries(*rows):
    """Entries of ``'id split label group'`` each, with ``-`` for an empty value."""
    return [Entry(*(value.replace('-', '') for value in row.split()), {}) for row in rows]


def test_nothing_wrong_gives_nothing():
    good = entries('a train x g', 'b train y g', 'c test - h')
    assert unknown_splits(good, ('train', 'test')) == unknown_labels(good, ('x', 'y')) == repeated_ids(good) == []
    assert unseen_classes({'x', 'y', ''}, ('x', 'y')) == []
    assert shared_groups(good) == (0, 2)


def test_unknown_splits():
    rows = entries('a train x g', 'b val x g', 'c val x g', 'd - x g')
    assert unknown_splits(rows, ('train', 'test')) == [
        "rows stand in splits other than train, test: 'val' (2 rows), '' (1 row); name all in splits"
    ]


def test_unknown_labels():
    rows = entries('a train anger g', 'b train happy g', 'c test happy g', 'd test sad g', 'e train - g')
    assert unknown_labels(rows, ('sad', 'angry')) == [
        "labels are not among the 2 classes: 'anger' (1 row), 'happy' (2 rows); did you mean 'angry'?"
    ]


def test_repeated_ids():
    rows = entries('a train x g', 'a train y g', 'b train x g', 'b test x g', 'b dev x g', '- test x g', '- dev x g')
    assert repeated_ids(rows) == [
        '2 rows have an empty id',
        '1 ids stand more than once in a split: a',
        '1 ids stand in more than one split (train and test and dev), which is a leak: b',
    ]


def test_unseen_classes():
    assert unseen_classes({'x', ''}, ('x', 'y', 'z')) == ['no training sample shows 2 of 3 classes: y, z']


def test_shared_groups():
    rows = entries('a train x g', 'b train x h', 'c test x g', 'd test x i', 'e test x i', 'f dev x g')
    assert shared_groups(rows) == (1, 3)


def test_five_names_are_shown():
    assert shown(list('abcde')) == 'a, b, c, d, e'
    assert shown(list('abcdef')) == 'a, b, c, d, e, ...'
