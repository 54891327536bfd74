"""What the two models show of their taps."""

import pytest
import torch
from mmengine.config import Config
from torch import nn
from transformers import BertConfig

from fdkd.algorithms.facts import TapFacts, norm_before, width
from fdkd.distill.losses.ofd import bn_margins
from fdkd.distill.taps import default_taps, resolve_taps
from fdkd.models import Classifier
from fdkd.registry import MODELS

TAPS = ('feat', 'map', 'stages', 'logits')


@pytest.fixture(scope='module')
def resnet():
    return Classifier(dict(type='ResNet18', in_channels=1), num_classes=5)


@pytest.fixture(scope='module')
def mobilenet():
    return Classifier(dict(type='MobileNetV2'), num_classes=5)


@pytest.fixture
def text(tmp_path):
    BertConfig(num_hidden_layers=2, hidden_size=16, num_attention_heads=2, intermediate_size=32).save_pretrained(
        tmp_path
    )
    return Classifier(dict(type='TransformerText', model=str(tmp_path)), num_classes=5)


@pytest.fixture(scope='module')
def segmentor():
    config = Config.fromfile('configs/_base_/models/deeplabv3plus_r18.py').segmentor['rgb']
    config.backbone.init_cfg = None
    return MODELS.build(config)


def facts(student, teacher):
    return TapFacts(student, teacher, *(resolve_taps(model, TAPS) for model in (student, teacher)))


def test_widths_of_both_sides(resnet, mobilenet):
    known = facts(resnet, mobilenet)
    assert [known('student_channels', tap) for tap in TAPS[:3]] == [512, 512, [64, 128, 256, 512]]
    assert [known('teacher_channels', tap) for tap in TAPS[:3]] == [1280, 1280, [24, 32, 96, 1280]]
    assert known('channels', 'feat') == 1280
    assert known('num_classes', 'logits') == 5


def test_a_transformer_is_as_wide_at_every_stage_and_has_no_margins(text, resnet):
    known = facts(resnet, text)
    assert known('teacher_channels', 'feat') == 16
    assert known('teacher_channels', 'stages') == [16, 16]
    assert known('margins', 'feat') is None
    assert known('margins', 'stages') is None


def test_widths_agree_with_what_the_taps_read(segmentor, resnet):
    known = facts(segmentor, resnet)
    assert known('student_channels', 'stages') == [64, 128, 256, 512]
    assert known('student_channels', 'feat') == 512
    assert known('student_channels', 'logits') is None


@pytest.mark.parametrize('tap', ['feat', 'map'])
def test_margins_are_those_of_the_last_batch_norm_before_the_tap(tap, resnet, mobilenet):
    norm = resnet.backbone.layer4[1].bn2
    nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    torch.testing.assert_close(facts(mobilenet, resnet)('margins', tap), bn_margins(norm.weight, norm.bias).detach())


def test_margins_of_every_stage(segmentor, resnet):
    norms = [getattr(segmentor.backbone, f'layer{stage}')[1].bn2 for stage in (1, 2, 3, 4)]
    for norm in norms:
        nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    margins = facts(resnet, segmentor)('margins', 'stages')
    for found, norm in zip(margins, norms, strict=True):
        torch.testing.assert_close(found, bn_margins(norm.weight, norm.bias).detach())


def test_the_norm_of_a_shortcut_is_not_the_blocks(resnet):
    first = resnet.backbone.layer2[0]  # its last batch norm is the shortcut's
    assert norm_before(resnet, 'backbone.layer2.0.relu:input') is first.bn2


def test_a_model_of_another_build_is_asked_no_more_than_it_has():
    model = nn.Sequential(nn.Conv2d(3, 7, 1), nn.BatchNorm2d(7), nn.ReLU(), nn.BatchNorm2d(7))
    model.named_features = {'feat': '1'}
    assert norm_before(model, '1') is model[1]
    assert norm_before(model, '2:input') is None
    assert TapFacts(nn.Identity(), model, {}, resolve_taps(model, ['feat']))('channels', 'feat') == 7


@pytest.mark.parametrize('path', ['backbone.layer4:input', 'backbone.layer4.1.conv2:input', 'backbone.layer1.0.conv1'])
def test_where_the_norms_may_come_after_the_tap_nothing_is_said(path, resnet):
    assert norm_before(resnet, path) is None
    assert width(resnet, path) is None


def test_paths_of_a_users_own_are_looked_up_too(resnet):
    assert norm_before(resnet, 'backbone.layer3') is resnet.backbone.layer3[1].bn2
    assert norm_before(resnet, 'head') is None
    assert default_taps(resnet)['map'] == 'backbone.layer4'
