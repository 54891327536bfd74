"""What the classifiers that a loss trained predict."""

import pytest
import torch
from mmengine.config import ConfigDict

from fdkd.algorithms import StudentWithHeads
from fdkd.datasets.class_sample import ClassSample
from fdkd.registry import MODELS

CLASSES = 5


def network(in_channels):
    return dict(type='Classifier', backbone=dict(type='ResNet18', in_channels=in_channels), num_classes=CLASSES)


@pytest.fixture(scope='module')
def distiller():
    torch.manual_seed(0)
    return MODELS.build(
        ConfigDict(
            type='CrossModalDistiller',
            student=dict(modality='audio', model=network(1)),
            teacher=dict(modality='visual', model=network(3), checkpoint=None),
            losses=dict(fdkd=dict(type='FDKDLoss', on='feat')),
        )
    ).eval()


def samples():
    return [ClassSample(metainfo={'sample_id': name}) for name in 'abc']


def test_each_head_scores_its_band_of_the_students_feature(distiller):
    inputs = {'audio': torch.randn(3, 1, 33, 33)}
    with torch.no_grad():
        predicted = StudentWithHeads(distiller)(inputs, samples(), mode='predict')
        student = distiller.student
        feature = student.backbone(inputs['audio']).mean((2, 3))
        low, high = distiller.terms.losses['fdkd'].decoupler(feature)
        for name, band in (('low', low), ('high', high)):
            head = distiller.terms.losses['fdkd'].own[name].linear
            expected = (band.relu() @ head.weight.T + head.bias).softmax(1)
            scores = torch.stack([sample.head_scores[f'fdkd.{name}'] for sample in predicted])
            torch.testing.assert_close(scores, expected)
        alone = student(inputs['audio'], samples(), mode='predict')
    for a, b in zip(predicted, alone, strict=True):
        torch.testing.assert_close(a.pred_scores, b.pred_scores)


def test_other_modes_are_the_students(distiller):
    inputs = {'audio': torch.randn(2, 1, 33, 33)}
    torch.testing.assert_close(StudentWithHeads(distiller)(inputs), distiller.student(inputs['audio']))
