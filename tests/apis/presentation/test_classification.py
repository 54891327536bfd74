"""How a classification run is shown."""

import csv
import math
from types import SimpleNamespace

import numpy as np
import pytest

from fdkd.apis.presentation import classification
from fdkd.apis.presentation.classification import draw, table, write_predictions

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


def test_the_student_is_drawn_beside_its_teacher_and_its_predictions_are_listed(tmp_path, monkeypatch):
    def metric(confusion, predicted):
        predictions = [{'sample_id': 's', 'label': 0, 'predicted': predicted, 'score': 1.0}]
        return SimpleNamespace(
            confusion=np.array(confusion), predictions=predictions, dataset_meta={'classes': ('a', 'b')}
        )

    drawn = {}
    monkeypatch.setattr(
        classification,
        'write_confusion',
        lambda path, matrices, classes: drawn.update({path.name: (matrices, classes)}),
    )
    models = {'student': SimpleNamespace(modality='audio'), 'teacher': SimpleNamespace(modality='text')}
    metrics = {'student': metric([[1, 2], [3, 4]], 1), 'teacher': metric([[5, 6], [7, 8]], 0)}
    draw({}, models, metrics, tmp_path)
    matrices, classes = drawn['confusion.png']
    assert {title: matrix.tolist() for title, matrix in matrices.items()} == {
        'student (audio)': [[1, 2], [3, 4]],
        'teacher (text)': [[5, 6], [7, 8]],
    }
    assert classes == ('a', 'b')
    assert (tmp_path / 'predictions.csv').read_text().splitlines()[1] == 's,a,b,1.000000'
