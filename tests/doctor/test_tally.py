"""Counts of samples, classes and pixels, gaps that are allowed, and imbalance."""

import pytest

from tests.doctor.conftest import CLIPS, ROOMS, ROWS, check, write_rows


def test_classes_and_imbalance(clips):
    write_rows(clips, [*((name, 'cat', split) for name, _, split in ROWS[:3]), *ROWS[3:]])
    train, test = check(clips, CLIPS).tallies
    assert train.summary()['classes'] == {'cat': 3, 'dog': 1}
    assert train.imbalance() == (3.0, 'cat', 'dog')
    assert test.imbalance() == (1.0, 'cat', 'cat')
    assert train.summary()['pixels'] == {}


def test_pixels_and_samples_of_label_maps(nyu_root):
    train, _ = check(nyu_root, ROOMS).tallies
    void = train.spreads['label'].summary()['void']
    assert 0 <= void['min'] <= void['max'] < 0.2
    assert 0.8 * 4 * 24 * 32 < train.pixels.sum() <= 4 * 24 * 32
    assert ((train.pixels > 0) == (train.with_class > 0)).all()
    assert train.with_class.max() <= 4
    ratio, most, least = train.imbalance()
    assert ratio == train.pixels.max() / train.pixels[train.pixels > 0].min()
    assert train.summary()['pixels'][most] == train.pixels.max() > train.summary()['pixels'][least]
    assert train.summary()['shapes'] == {part: {'32x24': 4} for part in ('rgb', 'depth', 'label')}


@pytest.mark.parametrize(('gone', 'severities'), [('abc', ['warning'] * 3), ('abcd', ['note'])])
def test_allowed_gaps_are_named_where_they_are_few(clips, gone, severities):
    write_rows(clips, [(name, label, 'train') for name, label, _ in ROWS])
    for name in gone:
        (clips / 'imu' / f'{name}.npy').unlink()
    report = check(clips, CLIPS, ['train'], splits=['train'], optional=['imu'])
    findings = report.findings
    assert [one.severity for one in findings] == severities
    assert {one.what for one in findings} == {'missing'}
    assert report.tallies[0].missing == len(gone)
    assert f'(missing {len(gone)})' in report.text()  # also where they are one note
    assert severities != ['note'] or findings[0].value == '4 of 6 samples have none, the first is a'


def test_samples_without_a_label_are_counted(clips):
    write_rows(clips, [*ROWS[:3], ('d', '', 'train'), *ROWS[4:]])
    report = check(clips, CLIPS)
    assert report.tallies[0].present['label'] == 3
    assert [(one.severity, one.sample_id, one.modality, one.what) for one in report.findings] == [
        ('warning', 'd', 'label', 'missing')
    ]
