"""The table that all tasks share, character by character."""

import math

import pytest

from fdkd.apis.presentation.layout import side_by_side

RESULTS = {
    'config': 'x.py',
    'seed': 3,
    'epoch': 24,
    'selection': 'last epoch',
    'student': {
        'modality': 'audio',
        'samples': 40,
        'metrics': {'top': 1.5, 'extra': 2.25},
        'per_class': {'dog': {'hit': 100.0}, 'cat': {'hit': math.nan}, 'owl': {'hit': math.nan}},
    },
    'teacher': {
        'modality': 'visual',
        'metrics': {'top': 0.005},
        'per_class': {'dog': {'hit': 8.125}, 'cat': {'hit': 0.0}, 'owl': {'hit': math.nan}},
    },
}


def test_classes_come_first_then_what_sums_them_up_and_a_dash_stands_for_nothing():
    assert side_by_side(RESULTS, 'hit (%)', 'hit', {'top': 'all', 'extra': 'more'}).splitlines() == [
        '+------------------------------------------------+',
        '| x.py: last epoch (24), 40 test samples, seed 3 |',
        '+---------+-----------------+--------------------+',
        '| hit (%) | student (audio) |   teacher (visual) |',
        '+---------+-----------------+--------------------+',
        '| dog     |          100.00 |               8.12 |',
        '| cat     |               - |               0.00 |',
        '+---------+-----------------+--------------------+',
        '| all     |            1.50 |               0.01 |',
        '| more    |            2.25 |                  - |',
        '+---------+-----------------+--------------------+',
    ]


@pytest.mark.parametrize(
    ('skipped', 'end'),
    [
        ({'number': 2, 'of': 1795}, 'seed 3, 2 of 1,795 training samples unreadable |'),
        ({'number': 0, 'of': 9}, 'seed 3 |'),
    ],
)
def test_the_title_says_what_a_training_could_not_read(skipped, end):
    title = side_by_side({**RESULTS, 'skipped': skipped}, 'hit (%)', 'hit', {}).splitlines()[1]
    assert title.endswith(end)
