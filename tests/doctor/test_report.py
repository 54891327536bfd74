"""Tables for people are short, files for programs complete and whole."""

import csv
import json

import pytest

from fdkd.doctor.findings import Finding
from fdkd.doctor.report import Report
from tests.doctor.conftest import CLIPS, ROOMS, check, write_wave


@pytest.fixture
def faulty(clips):
    """Four silent training clips and a short test clip."""
    for name in 'abcd':
        write_wave(clips / 'audio' / f'{name}.wav', 0, scale=0)
    write_wave(clips / 'audio' / 'e.wav', 0, seconds=0.05)
    return check(clips, CLIPS)


def test_the_screen_shows_the_first_of_each_kind(faulty):
    text = faulty.text(show=2)
    assert text.count('silent') == 2
    assert '2 more like these' in text
    assert 'audio/b.wav' in text
    assert 'audio/c.wav' not in text
    assert text.splitlines()[-1].startswith(
        'errors: 4 errors, 1 warning, 0 notes (constant 4, short 1); 6 samples, 18 files'
    )
    assert '| train | 4       | 4     | 4     | 4      | 4   | 4     |' in text


def test_the_csv_has_all(faulty, tmp_path):
    faulty.write_csv(tmp_path / 'all.csv')
    with (tmp_path / 'all.csv').open(newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ['severity', 'split', 'sample_id', 'modality', 'file', 'what', 'value']
    assert [(row['severity'], row['sample_id'], row['what']) for row in rows] == [
        *(('error', name, 'constant') for name in 'abcd'),
        ('warning', 'e', 'short'),
    ]
    assert rows[0]['file'].endswith('clips/audio/a.wav')


def test_json_has_the_numbers_of_each_split(faulty, tmp_path):
    faulty.write_json(tmp_path / 'all.json')
    record = json.loads((tmp_path / 'all.json').read_text())
    assert record['verdict'] == 'errors'
    assert len(record['findings']) == 5
    assert record['splits']['train']['classes'] == {'cat': 2, 'dog': 2}
    assert record['splits']['test']['measures']['audio+noisy']['seconds']['min'] == pytest.approx(0.05)


def test_a_csv_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    class Interrupting:
        def __str__(self):
            raise KeyboardInterrupt

    (tmp_path / 'all.csv').write_text('old')
    finding = Finding('error', 'train', 'a', 'rgb', 'a.jpg', 'unreadable', Interrupting())
    with pytest.raises(KeyboardInterrupt):
        Report('config.py', '', [finding], [], 0.0).write_csv(tmp_path / 'all.csv')
    assert [path.name for path in tmp_path.iterdir()] == ['all.csv']
    assert (tmp_path / 'all.csv').read_text() == 'old'


def test_classes_of_maps_are_shown_with_their_pixels(nyu_root):
    report = check(nyu_root, ROOMS)
    train = report.tallies[0]
    number = int(train.pixels.argmax())
    share = train.pixels[number] / train.pixels.sum()
    assert f'{train.with_class[number]} ({share:.2%} of pixels)' in report.text()
