"""Counting what became of the listed samples."""

from fdkd.datasets.prepare.tally import Row, table, tally

ROWS = [
    *(Row('train', 'b', 'one'), Row('train', 'a', 'two'), Row('train', 'a', 'three'), Row('train', 'a', 'four')),
    *(Row('test', 'a', 'one'), Row('test', 'c', 'five')),
]
STATES = {'one': 'usable', 'two': 'missing', 'three': 'unreadable', 'four': 'usable', 'five': 'silent'}


def counts(listed, found, usable, missing, unreadable, silent):
    return dict(listed=listed, found=found, usable=usable, missing=missing, unreadable=unreadable, silent=silent)


def test_lines_are_counted_by_split_and_class():
    found = tally(ROWS, STATES)
    assert found['splits'] == {'train': counts(4, 3, 2, 1, 1, 0), 'test': counts(2, 2, 1, 0, 0, 1)}
    assert found['classes'] == {
        'train': {'a': counts(3, 2, 1, 1, 1, 0), 'b': counts(1, 1, 1, 0, 0, 0)},
        'test': {'a': counts(1, 1, 1, 0, 0, 0), 'c': counts(1, 1, 0, 0, 0, 1)},
    }
    assert list(found['classes']['train']) == ['a', 'b']


def test_table_shows_shares():
    lines = table({'train': counts(25835, 20001, 20000, 5834, 1, 0)}).splitlines()
    assert [cell.strip() for cell in lines[1].strip('|').split('|')] == [
        *('split', 'listed', 'found', 'unreadable', 'silent', 'usable', 'share'),
    ]
    assert [cell.strip() for cell in lines[3].strip('|').split('|')] == [
        *('train', '25,835', '20,001', '1', '0', '20,000', '77.4 %'),
    ]
