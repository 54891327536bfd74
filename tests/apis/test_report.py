"""What a run leaves behind."""

import csv
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config

from fdkd.apis.evaluate import Evaluation
from fdkd.apis.presentation import classification, segmentation
from fdkd.apis.report import description, present, presentation, write_results
from fdkd.evaluation import ClassificationMetric, SegmentationMetric
from fdkd.evaluation.hits import unpack_hits

RESULTS = {
    'config': 'configs/x.py',
    'seed': 3,
    'epoch': 24,
    'selection': 'last epoch',
    'student': {
        'modality': 'rgb',
        'metrics': {'mIoU': 12.5, 'mAcc': 20.0, 'aAcc': 50.25},
        'per_class': {'wall': {'IoU': 25.0, 'Acc': 40.0}, 'bag': {'IoU': math.nan, 'Acc': math.nan}},
    },
    'teacher': {
        'modality': 'depth',
        'metrics': {'mIoU': 13.0, 'mAcc': 21.0, 'aAcc': 51.0},
        'per_class': {'wall': {'IoU': 26.0, 'Acc': 41.0}, 'bag': {'IoU': 0.5, 'Acc': 1.0}},
    },
}


def test_results_are_valid_json_with_null_for_what_is_undefined(tmp_path):
    write_results(RESULTS, tmp_path)
    written = json.loads((tmp_path / 'results.json').read_text(), parse_constant=pytest.fail)
    assert written['student']['per_class']['bag']['IoU'] is None
    assert written['teacher'] == RESULTS['teacher']


def test_a_failed_write_leaves_the_old_results(tmp_path):
    write_results(RESULTS, tmp_path)
    with pytest.raises(TypeError):
        write_results({**RESULTS, 'student': object()}, tmp_path)
    assert json.loads((tmp_path / 'results.json').read_text())['seed'] == 3


@pytest.mark.parametrize(
    ('metric', 'task'),
    [(SegmentationMetric, segmentation), (ClassificationMetric, classification)],
)
def test_the_metric_says_how_a_task_is_shown(metric, task):
    assert presentation(metric()) is task
    assert presentation(type('Mine', (metric,), {})()) is task


def evaluated(modality, predicted):
    """Two samples of class 'a' of which ``predicted`` says what they are taken for, and one without a label."""
    metric = ClassificationMetric()
    metric.dataset_meta = {'classes': ('a', 'b')}
    for number, (label, choice) in enumerate(zip((0, 0, -1), predicted, strict=True)):
        scores = np.eye(2)[choice] * 0.5 + 0.25
        sample = {'sample_id': f's{number}', 'gt_label': label, 'pred_label': choice, 'pred_scores': scores}
        metric.process({}, [sample])
    metrics = metric.evaluate(3)
    scores = {'modality': modality, 'samples': 4, 'metrics': metrics, 'per_class': metric.per_class}
    return Evaluation({**scores, **metric.per_sample}, metric)


class Readings:
    """A data set of three samples of any modality."""

    def __len__(self):
        return 3

    def get_data_info(self, index):
        return {}

    def __getitem__(self, index):
        return {'inputs': {modality: torch.arange(6.0).reshape(1, 2, 3) for modality in ('audio', 'visual')}}


def config(**changes):
    return Config(
        {
            'config_hash': '0' * 12,
            'data_hash': 'f' * 12,
            'randomness': {'seed': 3},
            'train_cfg': {'max_epochs': 7},
            'model': {'teacher': {'checkpoint': 'teacher.pth'}},
            'test_dataloader': {'dataset': {'data_root': 'data'}},
            **changes,
        }
    )


def test_the_description_says_how_the_figures_were_made(monkeypatch):
    where = {'commit': 'abc', 'modified': True, 'date': 'today', 'command': 'train.py', 'threads': 2, 'device': 'cpu'}
    monkeypatch.setattr('fdkd.apis.report.environment', lambda: where)
    monkeypatch.setattr('fdkd.apis.report.seconds_running', lambda: 12.5)
    assert description(config()) == {
        'config': None,
        'config_hash': '0' * 12,
        'seed': 3,
        'epochs': 7,
        'teacher_checkpoint': 'teacher.pth',
        'data_root': 'data',
        'data_hash': 'f' * 12,
        'seconds': 12.5,
        **where,
    }


@pytest.mark.parametrize('train_cfg', [None, {'type': 'IterBasedTrainLoop', 'max_iters': 5}])
def test_a_config_that_counts_no_epochs_has_none(train_cfg):
    assert description(config(train_cfg=train_cfg))['epochs'] is None


def test_a_classification_run_leaves_results_table_pictures_and_predictions(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(classification, 'test_set', lambda cfg, modality: Readings())
    models = {'student': SimpleNamespace(modality='audio'), 'teacher': SimpleNamespace(modality='visual')}
    evaluations = {'student': evaluated('audio', (0, 1, 1)), 'teacher': evaluated('visual', (0, 0, 0))}
    folder = tmp_path / 'new' / 'folder'
    results = present(config(), models, evaluations, {'epoch': 2, 'selection': 'last epoch'}, folder)
    assert results['student']['metrics'] == {'accuracy': 50.0, 'macro_f1': 33.33}
    printed = capsys.readouterr().out.splitlines()
    assert [line.replace(' ', '') for line in printed if ' a ' in line] == ['|a|50.00|100.00|']
    written = json.loads((folder / 'results.json').read_text(), parse_constant=pytest.fail)
    assert (written['teacher_checkpoint'], written['epoch']) == ('teacher.pth', 2)
    assert {'commit', 'modified', 'date', 'command', 'threads', 'device', 'versions', 'seconds'} <= set(written)
    # neither matrix nor list of samples
    assert set(written['student']) == {'modality', 'samples', 'metrics', 'per_class', 'labelled', 'hits'}
    assert unpack_hits(written['student']['hits'], written['student']['labelled']).tolist() == [True, False]
    assert unpack_hits(written['teacher']['hits'], written['teacher']['labelled']).tolist() == [True, True]
    assert written['student']['per_class']['b'] == {'accuracy': None, 'precision': 0.0, 'f1': 0.0, 'count': 0}
    with (folder / 'predictions.csv').open() as file:
        assert [(row['sample_id'], row['predicted']) for row in csv.DictReader(file)] == [
            ('s0', 'a'),
            ('s1', 'b'),
            ('s2', 'b'),
        ]
    assert (folder / 'confusion.png').read_bytes().startswith(b'\x89PNG')
    assert (folder / 'samples.png').read_bytes().startswith(b'\x89PNG')
    names = ['confusion.png', 'predictions.csv', 'results.json', 'samples.png']
    assert sorted(path.name for path in folder.iterdir()) == names
