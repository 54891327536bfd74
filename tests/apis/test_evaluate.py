"""Scoring a model over a data set."""

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from torch.utils.data import DataLoader, Dataset

from fdkd.algorithms import SingleModality
from fdkd.apis.config import load_config
from fdkd.apis.evaluate import evaluate
from fdkd.apis.evaluate import test_loader as loader_of
from fdkd.apis.evaluate import test_set as samples_of
from fdkd.apis.options import RunOptions
from fdkd.datasets.class_sample import ClassSample
from fdkd.evaluation.hits import unpack_hits
from fdkd.registry import MODELS


@pytest.fixture
def cfg(nyu_root):
    return load_config(
        'configs/fdkd/nyu_rgb_from_depth.py',
        RunOptions(data_root=str(nyu_root), size=(32, 24), pretrained='none', workers=0),
    )


class Oracle(torch.nn.Module):
    """Predicts the truth, but calls every pixel of class 3 class 4."""

    def forward(self, inputs, data_samples, mode):
        for sample in data_samples:
            label = sample.gt_sem_seg.data.clone()
            label[label == 3] = 4
            sample.pred_sem_seg = PixelData(data=label)
        return data_samples


@pytest.mark.parametrize('modality', ['rgb', 'depth'])
def test_the_loader_reads_one_modality(cfg, modality):
    batch = next(iter(loader_of(cfg, modality)))
    assert list(batch['inputs']) == [modality]
    assert [sample.metainfo['sample_id'] for sample in batch['data_samples']] == ['0005', '0006', '0007']


@pytest.mark.parametrize('modality', ['rgb', 'depth'])
def test_the_samples_are_those_of_the_loader(cfg, modality):
    found = samples_of(cfg, modality)
    assert [list(found[index]['inputs']) for index in range(3)] == [[modality]] * 3
    assert [found[index]['data_samples'].sample_id for index in range(3)] == ['0005', '0006', '0007']
    assert list(cfg.test_dataloader.dataset.modalities) == ['rgb']  # the config stays as it was


def test_scores_are_those_of_the_predictions(cfg):
    loader = loader_of(cfg, 'rgb')
    algorithm = MODELS.build(
        {'type': 'SingleModality', 'modality': 'rgb', 'model': Oracle(), 'data_preprocessor': cfg.data_preprocessor}
    )
    scores, metric = evaluate(algorithm, loader, cfg.test_evaluator, 'testing')
    labels = np.concatenate([s.gt_sem_seg.data.numpy().ravel() for b in loader for s in b['data_samples']])
    threes, fours = (labels == 3).sum(), (labels == 4).sum()
    assert scores['per_class']['bed']['IoU'] == 0
    assert scores['per_class']['chair']['IoU'] == pytest.approx(100 * fours / (threes + fours), rel=1e-5)
    assert scores['per_class']['wall']['IoU'] == 100
    assert scores['metrics']['aAcc'] == pytest.approx(100 * (1 - threes / (labels != 255).sum()), abs=0.01)
    assert scores['per_class'] is metric.per_class
    assert set(scores) == {'modality', 'samples', 'metrics', 'per_class'}  # hits are for classification


class Memory(Dataset):
    """Vectors whose largest entry is the class that an argmax predicts."""

    metainfo = {'classes': ('a', 'b', 'c')}  # noqa: RUF012
    predicted, labels = (0, 2, 1, 1, 0), (0, 1, 1, -1, 2)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        sample = ClassSample(metainfo={'sample_id': f's{index}'}, gt_label=torch.tensor(self.labels[index]))
        return {'inputs': {'text': torch.eye(3)[self.predicted[index]]}, 'data_samples': sample}


class Argmax(torch.nn.Module):
    """Takes its input for logits; a further head always says class 1."""

    def forward(self, inputs, data_samples, mode):
        for scores, sample in zip(inputs, data_samples, strict=True):
            sample.set_field(scores.softmax(0), 'pred_scores')
            sample.set_field(scores.argmax(), 'pred_label')
            sample.set_field({'low': torch.tensor([0.1, 0.8, 0.1])}, 'head_scores')
        return data_samples


def test_predictions_of_a_classifier_reach_the_caller_beside_the_scores():
    algorithm = SingleModality('text', Argmax())
    loader = DataLoader(Memory(), batch_size=2, collate_fn=pseudo_collate)
    scores, metric = evaluate(algorithm, loader, {'type': 'ClassificationMetric'}, 'testing')
    assert scores['modality'] == 'text'
    assert scores['metrics'] == {'accuracy': 50.0, 'macro_f1': pytest.approx(44.44, abs=0.005), 'accuracy_low': 50.0}
    assert scores['per_class']['b'] == pytest.approx({'accuracy': 50, 'precision': 100, 'f1': 200 / 3, 'count': 2})
    assert scores['labelled'] == 4
    assert unpack_hits(scores['hits'], 4).tolist() == [True, False, True, False]
    assert metric.confusion.tolist() == [[1, 0, 0], [0, 1, 1], [1, 0, 0]]
    assert [sample['sample_id'] for sample in metric.predictions] == ['s0', 's1', 's2', 's3', 's4']
    assert [sample['predicted'] for sample in metric.predictions] == list(Memory.predicted)


def test_a_rank_without_the_predictions_scores_no_classes(monkeypatch):
    loader = DataLoader(Memory(), batch_size=2, collate_fn=pseudo_collate)
    monkeypatch.setattr('fdkd.apis.evaluate.is_main_process', lambda: False)
    scores, _ = evaluate(SingleModality('text', Argmax()), loader, {'type': 'ClassificationMetric'}, 'testing')
    assert scores['per_class'] == {}
    assert 'hits' not in scores
