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


def test_unknown_labels_are_named_with_their_lines():
    rows = entries('a train anger g', 'b train happy g', 'c test happy g', 'd test sad g', 'e train - g')
    rows = [entry._replace(file='t.csv', line=line) for line, entry in enumerate(rows, 2)]
    assert unknown_labels(rows, ('sad', 'angry')) == [
        "t.csv, line 2 (a): label 'anger' is none of the 2 classes; did you mean 'angry'?",
        "t.csv, lines 3 (b), 4 (c): label 'happy' is none of the 2 classes",
    ]
    rows[2] = rows[2]._replace(file='test.csv', line=7)  # a file for each split
    assert unknown_labels(rows, ('sad', 'angry'))[1:] == [
        "t.csv, line 3 (b): label 'happy' is none of the 2 classes",
        "test.csv, line 7 (c): label 'happy' is none of the 2 classes",
    ]


def test_of_many_unknown_labels_and_rows_the_first_are_named():
    rows = entries(*(f's{number} train x g' for number in range(6)))
    rows = [entry._replace(file='t.csv', line=line) for line, entry in enumerate(rows, 2)]
    place = 't.csv, lines 2 (s0), 3 (s1), 4 (s2), 5 (s3), 6 (s4), ... (6 rows in all)'
    assert unknown_labels(rows, ('y',)) == [f"{place}: label 'x' is none of the 1 classes"]
    rows = [rows[0]._replace(label=f'x{number}') for number in (0, 1, 2, 3, 4, 5, 6, 6)]
    assert unknown_labels(rows, ('y',))[4:] == [
        "t.csv, line 2 (s0): label 'x4' is none of the 1 classes",
        't.csv: 2 more labels are none of the classes, in 3 rows',
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
