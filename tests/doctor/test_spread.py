"""Few odd samples are named, many are one line, and what varies widely has no outliers."""

import numpy as np
import pytest

from fdkd.doctor.looks import Look
from fdkd.doctor.spread import Spread, shown


def spread(values, name='level'):
    collected = Spread('train', 'audio')
    for number, value in enumerate(values):
        collected.add(f's{number}', f'{number}.wav', Look(measures={name: value}), None)
    return collected


def test_a_value_far_beyond_the_quartiles_is_named():
    values = [*np.linspace(10, 20, 40), 29.0, 60.0]
    [finding] = spread(values).findings()
    assert finding[:6] == ('warning', 'train', 's41', 'audio', '41.wav', 'outlier')
    assert finding.value == 'level 60, half of all have 12.63 to 17.88'
    quartiles = spread(values).summary()['level']
    assert (quartiles['min'], quartiles['max']) == (10, 60)
    assert quartiles['median'] == np.median(values)


def test_many_far_values_are_one_note_with_the_furthest():
    [finding] = spread([*np.linspace(10, 11, 100), 30, 40, -90, 50, 60]).findings()
    assert (finding.severity, finding.sample_id) == ('note', '')
    assert finding.value.startswith('5 of 105, the furthest is s102: level -90')


def test_where_nearly_all_are_equal_the_rest_is_named_and_many_others_are_no_outliers():
    assert [one.sample_id for one in spread([3.0] * 50 + [3.001, 1.2]).findings()] == ['s51']
    assert list(spread([0.0] * 50 + [0.1] * 8).findings()) == []


def test_a_few_samples_have_no_outliers():
    assert list(spread([*range(18), 10**6]).findings()) == []
    assert len(list(spread([*range(19), 10**6]).findings())) == 1


def test_marks_of_few_and_of_many():
    for number, severities in ((3, ['warning'] * 3), (4, ['note'])):
        collected = Spread('train', 'audio')
        for place in range(100):
            marks = {'short': (place % 3, f'{place} s')} if place < number else {}
            collected.add(f's{place}', '', Look(marks=marks), None)
        findings = list(collected.findings())
        assert [one.severity for one in findings] == severities
    assert findings[0].value == '4 of 100, the furthest is s2: 2 s'


def test_an_odd_shape_is_named_unless_shapes_vary():
    odd, mixed = Spread('train', 'rgb'), Spread('train', 'rgb')
    for number in range(40):
        odd.add(f's{number}', '', None, (10, 8) if number == 7 else (6, 8))
        mixed.add(f's{number}', '', None, (6, 8 + number // 30 * number))
    [finding] = odd.findings()
    assert (finding.severity, finding.sample_id, finding.what) == ('warning', 's7', 'shape')
    assert finding.value == '8x10, 39 others have 8x6'
    assert list(mixed.findings()) == []


def test_every_odd_shape_is_named_wherever_it_stands():
    odd = Spread('train', 'rgb')
    for number in range(1000):
        odd.add(f's{number}', '', None, (10, 8) if number < 8 else (6, 8))
    assert [finding.sample_id for finding in odd.findings()] == [f's{number}' for number in range(8)]


@pytest.mark.parametrize(('number', 'ids'), [(1, ['s0']), (3, ['s0', 's1', 's2']), (4, [''])])
def test_shapes_that_make_no_batch_are_errors(number, ids):
    odd, padded = Spread('train', 'imu'), Spread('train', 'imu')
    for place in range(40):
        shape = (38 if place < number else 40,)
        odd.add(f's{place}', '', None, shape, shape)
        padded.add(f's{place}', '', None, shape, (40,))
    findings = list(odd.findings())
    assert [(one.severity, one.sample_id, one.what) for one in findings] == [('error', name, 'shape') for name in ids]
    told = f'(38,), {40 - number} others have (40,)' if ids[0] else '4 of 40 are not (40,), the first is s0: (38,)'
    assert findings[0].value == f'{told}; a batch takes one shape, and no step makes them equal'
    assert {one.severity for one in padded.findings()} <= {'warning'}


def test_shapes_for_people():
    assert (shown((240, 320)), shown((3, 4, 5))) == ('320x240', '(3, 4, 5)')
