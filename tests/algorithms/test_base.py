"""What every algorithm says of an input that its networks do not take."""

import pytest
import torch
from mmengine.config import ConfigDict

from fdkd.errors import DataError
from fdkd.registry import MODELS
from tests.support.pairs import network


def alone(in_channels):
    return MODELS.build(ConfigDict(type='SingleModality', modality='audio', model=network(in_channels)))


@pytest.mark.parametrize(
    ('shape', 'words'),
    [
        ((2, 3, 33, 33), 'to have 1 channels, but got 3 channels'),
        ((2, 33), 'input to conv2d, but got input of size'),
    ],
)
def test_an_input_that_a_convolution_does_not_take_is_told_with_the_batch(shape, words):
    with pytest.raises(DataError, match='a network does not take its input') as caught:
        alone(1)({'audio': torch.zeros(shape)})
    assert words in str(caught.value)
    assert f'the batch is audio {shape}: set in_channels' in str(caught.value)


def test_any_other_failure_stays_what_it_is():
    algorithm = alone(1)
    algorithm.student.head = torch.nn.Linear(3, 5)
    with pytest.raises(RuntimeError, match='cannot be multiplied'):
        algorithm({'audio': torch.zeros(2, 1, 33, 33)})
