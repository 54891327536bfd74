"""Layers for vectors by hand, what distillation reads of them, and a student that they teach."""

import pytest
import torch
from mmengine.config import ConfigDict
from torch import nn

from fdkd.algorithms.facts import TapFacts
from fdkd.datasets.class_sample import ClassSample
from fdkd.distill.taps import TapReader
from fdkd.export.graph import Graph, trace
from fdkd.export.plain import plain
from fdkd.models import Classifier, VectorMLP
from fdkd.models.preprocessor import Float
from fdkd.registry import MODELS


def by_hand():
    """Layers of two units: the first puts out (a - b, b - 1), the second (x + y - 3, -x)."""
    backbone = VectorMLP(in_channels=2, out_channels=2)
    weights = {'0': ([[1.0, -1.0], [0.0, 1.0]], [0.0, -1.0]), '3': ([[1.0, 1.0], [-1.0, 0.0]], [-3.0, 0.0])}
    for name, (weight, bias) in weights.items():
        layer = backbone.layers.get_submodule(name)
        layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)
    return backbone


def test_values_by_hand():
    # (5, 2) -> (3, 1) -> (1, -3), and (1, 4) -> (-3, 3), of which the ReLU leaves (0, 3) -> (0, 0)
    assert by_hand()(torch.tensor([[5.0, 2.0], [1.0, 4.0]])).tolist() == [[1, -3], [0, 0]]


def test_taps_read_before_each_relu():
    model = Classifier(by_hand(), num_classes=3)
    x = torch.tensor([[5.0, 2.0], [1.0, 4.0]])
    logits, taps = TapReader(model, model.named_features).run(model, x)
    assert [stage.tolist() for stage in taps['stages']] == [[[3, 1], [-3, 3]], [[1, -3], [0, 0]]]
    assert taps['feat'].tolist() == taps['map'].tolist() == [[1, -3], [0, 0]]
    expected = torch.tensor([[1.0, 0.0], [0.0, 0.0]]) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(logits, expected)


@pytest.mark.parametrize('shape', [(1, 2, 2), (1, 1, 2, 2)])
def test_several_vectors_of_a_sample_pass_one_by_one_and_are_averaged(shape):
    model = Classifier(by_hand(), num_classes=3)
    x = torch.tensor([[5.0, 2.0], [1.0, 4.0]]).reshape(shape)
    assert model.backbone(x).tolist() == [[[1, 0], [-3, 0]]]  # [N, D, T]
    assert TapReader(model, {'feat': 'feature'}).run(model, x)[1]['feat'].tolist() == [[0.5, -1.5]]


@pytest.mark.parametrize('depth', [1, 2, 4])
def test_there_are_as_many_layers_as_asked_all_of_one_width(depth):
    model = Classifier(VectorMLP(in_channels=7, out_channels=5, depth=depth), num_classes=3)
    assert sum(isinstance(module, nn.Linear) for module in model.backbone.modules()) == depth
    assert [stage.shape for stage in TapReader(model, model.named_features).run(model, torch.ones(2, 7))[1]['stages']]
    facts = TapFacts(model, model, model.named_features, model.named_features)
    assert facts('student_channels', 'stages') == [5] * depth
    assert facts('teacher_channels', 'feat') == model.feature_channels == 5


def test_a_picture_learns_from_vectors():
    torch.manual_seed(0)
    picture = dict(type='Classifier', backbone=dict(type='ResNet18'), num_classes=3)
    vector = dict(type='Classifier', backbone=dict(type='VectorMLP', in_channels=7), num_classes=3)
    algorithm = MODELS.build(
        ConfigDict(
            type='CrossModalDistiller',
            student=dict(modality='image', model=picture),
            teacher=dict(modality='imu', model=vector, checkpoint=None),
            losses=dict(fdkd=dict(type='FDKDLoss', on='feat')),
        )
    )
    inputs = {'image': torch.randn(4, 3, 33, 33), 'imu': torch.randn(4, 7)}
    samples = [ClassSample(gt_label=torch.tensor(label)) for label in (0, 1, 2, 0)]
    optimizer = torch.optim.SGD(algorithm.parameters(), lr=0.01)
    before = algorithm.student.backbone.conv1.weight.clone()
    losses = algorithm(inputs, samples, mode='loss')
    assert losses['fdkd.loss_low'] > 0
    losses['fdkd.loss_low'].backward()
    optimizer.step()
    assert not torch.equal(algorithm.student.backbone.conv1.weight, before)
    assert all(parameter.grad is None for parameter in algorithm.teacher.parameters())


@pytest.mark.parametrize('shape', [(3, 7), (3, 1, 4, 7)])
def test_it_is_exported_for_any_batch(shape):
    student = MODELS.build(dict(type='Classifier', backbone=dict(type='VectorMLP', in_channels=7), num_classes=3))
    network = plain(student, {}).network
    x = torch.randn(shape)
    torch.testing.assert_close(network(x), student(x))
    program = trace(Graph(network, Float()).eval(), {'imu': x[:1]}, {'imu': {0: 'N'}})
    torch.testing.assert_close(program.module()(x), student(x))
