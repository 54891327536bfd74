"""Small students, and what exports of them share."""

import pytest
import torch
from torch import nn

from fdkd.registry import MODELS
from tests.models.conftest import write_bert


def lived_in(network):
    """``network`` with statistics of batch norms that are not those of a new one, in evaluation mode."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return network.eval()


def classifier(**backbone):
    """A classifier of three classes."""
    torch.manual_seed(0)
    return lived_in(MODELS.build(dict(type='Classifier', backbone=backbone, num_classes=3)))


def segmentor_config(**changes):
    """Config of a small network of MMSegmentation with an auxiliary head and a start that only fdkd knows."""
    head = dict(num_classes=5, norm_cfg=dict(type='BN'), align_corners=False, channels=4, num_convs=1)
    head |= dict(loss_decode=dict(type='mmseg.CrossEntropyLoss'))
    config = dict(
        type='mmseg.EncoderDecoder',
        backbone=dict(
            type='mmseg.ResNet', depth=18, base_channels=4, stem_channels=4, in_channels=1,
            strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), norm_cfg=dict(type='BN'),
            init_cfg=dict(type='ImageNetInit', arch='resnet18'),
        ),
        decode_head=dict(type='mmseg.FCNHead', in_channels=32, in_index=3, **head),
        auxiliary_head=dict(type='mmseg.FCNHead', in_channels=16, in_index=2, **head),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )  # fmt: skip
    return {**config, **changes}


@pytest.fixture(scope='session')
def short_bert(tmp_path_factory):
    """The folder of a BERT of one layer."""
    return write_bert(tmp_path_factory.mktemp('bert'), num_hidden_layers=1)
