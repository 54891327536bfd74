"""How a classification run is shown."""

import csv
import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import soundfile
from mmengine.config import Config

from fdkd.apis.presentation import classification
from fdkd.apis.presentation.classification import draw, table, write_predictions
from fdkd.datasets.transforms.modality import ModalityTransform

RESULTS = {
    'config': 'configs/x.py',
    'seed': 3,
    'epoch': 24,
    'selection': 'last epoch',
    'student': {
        'modality': 'audio',
        'samples': 1234,
        'metrics': {'accuracy': 70.5, 'macro_f1': 61.25, 'accuracy_low': 69.0, 'accuracy_high': 12.0},
        'per_class': {
            'dog': {'accuracy': 75.0, 'precision': 1.0, 'f1': 2.0, 'count': 4},
            'owl': {'accuracy': math.nan, 'precision': 0.0, 'f1': 0.0, 'count': 0},
        },
    },
    'teacher': {
        'modality': 'visual',
        'metrics': {'accuracy': 80.0, 'macro_f1': 79.0},
        'per_class': {
            'dog': {'accuracy': 100.0, 'precision': 3.0, 'f1': 4.0, 'count': 4},
            'owl': {'accuracy': math.nan, 'precision': math.nan, 'f1': math.nan, 'count': 0},
        },
    },
}
CLASSES = ('dog, barking', 'owl', 'Zürich "express"')
PREDICTIONS = [
    {'sample_id': 'b', 'label': 2, 'predicted': 0, 'score': 0.5},
    {'sample_id': 'a,1', 'label': -1, 'predicted': 2, 'score': 1 / 3},
]


def rows(text):
    lines = [line.strip('|').split('|') for line in text.splitlines() if line.startswith('|')]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_the_table_shows_classes_then_accuracy_f1_and_heads():
    shown = rows(table(RESULTS))
    assert list(shown)[1:] == [
        'accuracy (%)',
        'dog',
        'accuracy',
        'macro F1',
        'accuracy, low head',
        'accuracy, high head',
    ]
    assert shown['accuracy (%)'] == ['student (audio)', 'teacher (visual)']
    assert shown['dog'] == ['75.00', '100.00']
    assert shown['accuracy'] == ['70.50', '80.00']
    assert shown['macro F1'] == ['61.25', '79.00']
    assert shown['accuracy, high head'] == ['12.00', '-']


def test_the_table_of_a_student_without_further_heads_has_no_rows_for_them():
    alone = {**RESULTS, 'student': {**RESULTS['teacher'], 'modality': 'audio', 'samples': 40}}
    del alone['teacher']
    shown = rows(table(alone))
    assert list(shown)[1:] == ['accuracy (%)', 'dog', 'accuracy', 'macro F1']
    assert shown['accuracy'] == ['80.00']


def test_predictions_are_a_csv_file_with_names_of_classes(tmp_path):
    path = tmp_path / 'predictions.csv'
    write_predictions(path, PREDICTIONS, CLASSES)
    with path.open(encoding='utf-8', newline='') as file:
        assert list(csv.reader(file)) == [
            ['sample_id', 'label', 'predicted', 'score'],
            ['b', 'Zürich "express"', 'dog, barking', '0.500000'],
            ['a,1', '', 'Zürich "express"', '0.333333'],
        ]
    assert b'\r' not in path.read_bytes()


def test_a_failed_write_leaves_the_old_predictions(tmp_path):
    path = tmp_path / 'predictions.csv'
    write_predictions(path, PREDICTIONS, CLASSES)
    before = path.read_bytes()
    with pytest.raises(IndexError):
        write_predictions(path, [PREDICTIONS[1], {**PREDICTIONS[0], 'label': 7}], CLASSES)
    assert path.read_bytes() == before


class Letters(ModalityTransform):
    """A text as the numbers of its letters."""

    def apply(self, value, sample_id):
        return np.frombuffer(value.encode('utf-8', 'replace'), np.uint8).astype(np.int64)


RATE, TONE, WINDOW = 16000, 1000, 64
SPECTRUM = {'type': 'Spectrogram', 'modality': 'audio', 'window': WINDOW, 'overlap': 0}
PIPELINE = [
    {'type': 'LoadFrames', 'modality': 'visual', 'frames': 3, 'pick': 'uniform'},
    {'type': 'LoadAudio', 'modality': 'audio'},
    SPECTRUM,
    {'type': 'LoadArray', 'modality': 'imu'},
    {'type': Letters, 'modality': 'text'},
    {'type': 'PackClassification'},
]
TEXTS = ['a dog', 'an owl \udcff', '']


@pytest.fixture
def cfg(tmp_path):
    """Three samples, the second one without sound: frames of brightness 10 i + frame, a tone, readings and a text."""
    root = tmp_path / 'data'
    for number in range(3):
        frames = root / 'visual' / f's{number}'
        frames.mkdir(parents=True)
        for frame in range(3):
            cv2.imwrite(str(frames / f'{frame}.png'), np.full((4, 6, 3), 10 * number + frame, np.uint8))
        (root / 'imu').mkdir(exist_ok=True)
        np.save(root / 'imu' / f's{number}.npy', np.arange(6.0).reshape(2, 3) + number)
    (root / 'audio').mkdir()
    for number in (0, 2):
        tone = 0.5 * np.sin(2 * np.pi * TONE / RATE * np.arange(20 * WINDOW))
        soundfile.write(root / 'audio' / f's{number}.wav', tone, RATE)
    lines = [f's{number},{label},test,{TEXTS[number]}' for number, label in enumerate('aba')]
    (root / 'clips.csv').write_text('\n'.join(['id,label,split,words', *lines]), errors='surrogateescape')
    dataset = {
        'type': 'PairedDataset',
        'data_root': str(root),
        'split': 'test',
        'annotations': 'clips.csv',
        'sources': {
            'visual': 'visual/{id}',
            'audio': 'audio/{id}.wav',
            'imu': 'imu/{id}.npy',
            'text': {'text': '{words}'},
        },
        'classes': ('a', 'b'),
        'missing': 'skip',
        'pipeline': PIPELINE,
        'test_mode': True,
    }
    return Config({'test_dataloader': {'dataset': dataset}})


def metric(ids, labels, predicted):
    """What a metric holds after an evaluation; the n-th score is n / 10."""
    keys = ('sample_id', 'label', 'predicted', 'score')
    rows = zip(ids, labels, predicted, (number / 10 for number in range(1, 10)), strict=False)
    predictions = [dict(zip(keys, row, strict=True)) for row in rows]
    confusion = np.array([[1, 2], [3, 4]])
    return SimpleNamespace(confusion=confusion, predictions=predictions, dataset_meta={'classes': ('a', 'b')})


def drawn(cfg, modalities, metrics, folder, monkeypatch):
    """The groups of samples that :func:`draw` draws."""
    found = {}
    monkeypatch.setattr(classification, 'write_samples', lambda path, groups: found.update({path.name: groups}))
    draw(cfg, {name: SimpleNamespace(modality=m) for name, m in modalities.items()}, metrics, folder)
    return found['samples.png']


def test_each_sample_is_shown_in_both_modalities_with_both_answers(cfg, tmp_path, monkeypatch):
    metrics = {
        'student': metric(('s0', 's1', 's2'), (0, 1, -1), (0, 0, 1)),
        'teacher': metric(('s0', 's2'), (0, -1), (1, 1)),  # which had to skip what has no sound
    }
    groups = drawn(cfg, {'student': 'visual', 'teacher': 'audio'}, metrics, tmp_path, monkeypatch)
    assert list(groups) == ['Spread over the test set', 'Further mistakes of the student']
    first, second, third = groups['Spread over the test set']
    assert [(s.sample_id, s.truth) for s in (first, second, third)] == [('s0', 'a'), ('s1', 'b'), ('s2', None)]
    assert [answer for s in (first, second, third) for answer in s.answers if 'student' in answer.model] == [
        ('student (visual)', 'a', 0.1),
        ('student (visual)', 'a', 0.2),
        ('student (visual)', 'b', 0.3),
    ]
    assert first.answers[1] == ('teacher (audio)', 'b', 0.1)
    assert third.answers[1] == ('teacher (audio)', 'b', 0.2)
    assert len(second.answers) == 1
    for number, sample in enumerate((first, second, third)):
        label, picture = sample.views[0]
        assert label == 'visual'
        assert picture.shape == (4, 6, 3)
        assert (picture == 10 * number + 1).all()  # the middle one of three frames
    assert second.views[1] == ('audio', None)
    label, spectrum = first.views[1]
    assert label == 'audio\nfrequency →'
    assert spectrum.shape == (WINDOW // 2 + 1, 20)
    from_below = len(spectrum) - 1 - spectrum.mean(1).argmax()
    assert from_below == TONE * WINDOW / RATE == 4


def test_a_text_is_shown_as_it_was_written_and_an_array_as_it_is_stored(cfg, tmp_path, monkeypatch):
    found = metric(('s0', 's1', 's2'), (0, 1, 0), (0, 1, 0))
    groups = drawn(
        cfg, {'student': 'text', 'teacher': 'imu'}, {'student': found, 'teacher': found}, tmp_path, monkeypatch
    )
    samples = groups['Spread over the test set']
    assert [sample.views[0] for sample in samples] == [('text', 'a dog'), ('text', 'an owl \ufffd'), ('text', '')]
    assert [sample.views[1].label for sample in samples] == ['imu'] * 3
    assert samples[2].views[1].content.tolist() == [[2, 3, 4], [5, 6, 7]]


def test_two_models_of_one_modality_share_a_picture(cfg, tmp_path, monkeypatch):
    found = metric(('s0', 's1', 's2'), (0, 1, 0), (0, 1, 0))
    groups = drawn(
        cfg, {'student': 'imu', 'teacher': 'imu'}, {'student': found, 'teacher': found}, tmp_path, monkeypatch
    )
    sample = groups['Spread over the test set'][0]
    assert (len(sample.views), len(sample.answers)) == (1, 2)


def test_the_files_of_a_run(cfg, tmp_path, monkeypatch):
    matrices = {}
    monkeypatch.setattr(classification, 'write_confusion', lambda path, found, classes: matrices.update(found))
    models = {'student': SimpleNamespace(modality='visual'), 'teacher': SimpleNamespace(modality='text')}
    found = metric(('s0', 's1', 's2'), (0, 1, 0), (1, 1, 0))
    draw(cfg, models, {'student': found, 'teacher': found}, tmp_path)
    assert {title: matrix.tolist() for title, matrix in matrices.items()} == {
        'student (visual)': [[1, 2], [3, 4]],
        'teacher (text)': [[1, 2], [3, 4]],
    }
    assert (tmp_path / 'predictions.csv').read_text().splitlines()[1] == 's0,a,b,0.100000'
    assert (tmp_path / 'samples.png').read_bytes().startswith(b'\x89PNG')
