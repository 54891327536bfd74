"""What every algorithm says of an input that its networks do not take."""

import pytest
import torch
from mmengine.config import ConfigDict

from fdkd.errors import DataError
from fdkd.registry import MODELS
from tests.support.pairs import BOTH, batch, network


def alone(in_channels):
    return MODELS.build(ConfigDict(type='SingleModality', modality='audio', model=network(in_channels)))


@pytest.mark.parametrize(
    ('shape', 'line'),
    [
        (
            (2, 3, 33, 33),
            'audio: the data give [3, 33, 33], ResNet18 needs [1, H, W]: set in_channels=3 of the backbone, or correct '
            'the data',
        ),
        (
            (2, 33),
            'audio: the data give vectors [33], ResNet18 needs [1, H, W]: use a backbone for vectors '
            "(type='VectorMLP', in_channels=33), or correct the data",
        ),
    ],
)
@pytest.mark.parametrize('mode', ['tensor', 'predict'])
def test_an_input_that_the_first_layer_does_not_take_is_told_in_a_line(shape, line, mode):
    with pytest.raises(DataError) as caught:
        alone(1)({'audio': torch.zeros(shape)}, [], mode=mode)
    assert str(caught.value).startswith(f'{line} (')
    assert str(caught.value.__cause__) in str(caught.value)


def test_vectors_of_another_length_are_told_alike():
    model = dict(type='Classifier', backbone=dict(type='VectorMLP', in_channels=24), num_classes=5)
    algorithm = MODELS.build(ConfigDict(type='SingleModality', modality='imu', model=model))
    with pytest.raises(DataError, match=r'^imu: the data give vectors \[6\], VectorMLP needs vectors \[24\]: set in'):
        algorithm({'imu': torch.zeros(2, 6)})


def test_the_model_whose_input_it_is_is_told_of_two():
    parts = [dict(modality='visual', model=network(3)), dict(modality='audio', model=network(1), checkpoint=None)]
    losses = dict(feat=dict(type='FeatureMSELoss', on='feat'))
    config = dict(type='CrossModalDistiller', student=parts[0], teacher=parts[1], losses=losses)
    inputs, samples = batch(BOTH, BOTH)
    inputs['audio'] = torch.zeros(2, 33)
    with pytest.raises(DataError, match=r'^audio: the data give vectors \[33\], ResNet18 needs \[1, H, W\]'):
        MODELS.build(ConfigDict(config))(inputs, samples, mode='loss')


def test_what_fails_within_is_told_with_the_batch():
    algorithm = alone(1)
    algorithm.student.backbone.layer1[0].conv1 = torch.nn.Conv2d(7, 64, 3)
    with pytest.raises(
        DataError, match=r'does not take what it is given .* 7 channels.* batch is audio \(2, 1, 33, 33\)'
    ):
        algorithm({'audio': torch.zeros(2, 1, 33, 33)})


def test_what_a_connector_does_not_take_is_not_blamed_on_a_network_that_widens_its_input():
    sound = dict(type='TorchvisionModel', name='resnet18', num_classes=5)
    teacher = dict(modality='audio', model=sound, checkpoint=None)
    losses = dict(map=dict(type='FeatureMSELoss', on='map'))
    config = dict(type='CrossModalDistiller', student=dict(modality='visual', model=network(3)), teacher=teacher)
    algorithm = MODELS.build(ConfigDict(config, losses=losses))
    algorithm.terms.connectors['map'] = torch.nn.ModuleList([Wrong()])
    inputs, samples = batch(BOTH, BOTH)
    with pytest.raises(DataError, match=r'^a convolution does not take .* to have 7 channels, but got 512') as caught:
        algorithm(inputs, samples, mode='loss')
    assert 'in_channels' not in str(caught.value)


class Wrong(torch.nn.Conv2d):
    """A connector for other maps."""

    def __init__(self):
        super().__init__(7, 512, 1)

    def forward(self, student, teacher):
        return super().forward(student)


def test_any_other_failure_stays_what_it_is():
    algorithm = alone(1)
    algorithm.student.head = torch.nn.Linear(3, 5)
    with pytest.raises(RuntimeError, match='cannot be multiplied'):
        algorithm({'audio': torch.zeros(2, 1, 33, 33)})
