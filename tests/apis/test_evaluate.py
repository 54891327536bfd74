"""Scoring a model over a data set."""

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData

from fdkd.apis.config import load_config
from fdkd.apis.evaluate import evaluate
from fdkd.apis.evaluate import test_loader as loader_of
from fdkd.apis.options import RunOptions
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


def test_scores_are_those_of_the_predictions(cfg):
    loader = loader_of(cfg, 'rgb')
    algorithm = MODELS.build(
        {'type': 'SingleModality', 'modality': 'rgb', 'model': Oracle(), 'data_preprocessor': cfg.data_preprocessor}
    )
    scores = evaluate(algorithm, loader, cfg.test_evaluator, 'testing')
    labels = np.concatenate([s.gt_sem_seg.data.numpy().ravel() for b in loader for s in b['data_samples']])
    threes, fours = (labels == 3).sum(), (labels == 4).sum()
    assert scores['per_class']['bed']['IoU'] == 0
    assert scores['per_class']['chair']['IoU'] == pytest.approx(100 * fours / (threes + fours), rel=1e-5)
    assert scores['per_class']['wall']['IoU'] == 100
    assert scores['metrics']['aAcc'] == pytest.approx(100 * (1 - threes / (labels != 255).sum()), abs=0.01)
