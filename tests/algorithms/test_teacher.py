"""The frozen teacher: kept out of its owner, and refused by name where it cannot teach."""

import copy

import pytest
import torch
from mmengine.config import Config
from torch import nn

from fdkd.algorithms.teacher import Frozen, build_teacher, student_weights
from fdkd.errors import CheckpointError, ConfigError
from fdkd.registry import MODELS

SEGMENTORS = Config.fromfile('configs/_base_/models/deeplabv3plus_r18.py').segmentor


class Owner(nn.Module):
    def __init__(self):
        super().__init__()
        self.own = nn.Linear(2, 2)
        self.frozen = Frozen(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))


def scratch(modality, **changes):
    config = copy.deepcopy(SEGMENTORS[modality])
    config.backbone.init_cfg = None
    config.decode_head.update(changes)
    return config


@pytest.fixture(scope='module')
def depth_model():
    torch.manual_seed(0)
    return MODELS.build(scratch('depth'))


@pytest.fixture
def depth_file(tmp_path, depth_model):
    path = tmp_path / 'student.pth'
    meta = {'modality': 'depth', 'classes': ['x'] * 40}
    torch.save({'meta': meta, 'state_dict': depth_model.state_dict()}, path)
    return path


def test_a_frozen_module_is_no_part_of_its_owner():
    owner = Owner()
    assert [name for name, _ in owner.named_parameters()] == ['own.weight', 'own.bias']
    assert all(name.startswith('own.') for name in owner.state_dict())
    assert copy.deepcopy(owner).frozen.module is owner.frozen.module


def test_a_frozen_module_neither_trains_nor_changes_its_statistics():
    owner = Owner().train()
    assert not owner.frozen.module.training
    assert not any(parameter.requires_grad for parameter in owner.frozen.module.parameters())
    owner.frozen.module(torch.randn(8, 2))
    assert owner.frozen.module[1].num_batches_tracked == 0


def test_the_teacher_has_the_weights_of_its_file(depth_file, depth_model):
    teacher = {'modality': 'depth', 'model': scratch('depth'), 'checkpoint': depth_file}
    built = build_teacher(teacher, depth_model)
    for name, value in depth_model.state_dict().items():
        torch.testing.assert_close(built.state_dict()[name], value, rtol=0, atol=0)


def test_a_teacher_whose_config_has_not_been_read_is_refused(depth_model):
    teacher = {'modality': 'depth', 'config': 'configs/unimodal/nyu_depth.py', 'checkpoint': None}
    with pytest.raises(ConfigError, match=r"the teacher of modality 'depth' has no model; .*complete_teachers fills"):
        build_teacher(teacher, depth_model)


def test_a_full_checkpoint_gives_its_student(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    torch.save({'state_dict': {'student.a': torch.ones(1), 'losses.b': torch.zeros(1)}}, path)
    assert student_weights(path, 'depth') == {'a': torch.ones(1)}


def test_another_modality_is_refused(depth_file):
    with pytest.raises(CheckpointError, match=r"student.pth: a model of modality 'depth', expected 'rgb'"):
        student_weights(depth_file, 'rgb')


def test_another_number_of_classes_is_refused(depth_file, depth_model):
    with pytest.raises(CheckpointError, match=r'student.pth: a model of 40 classes, expected 13'):
        student_weights(depth_file, 'depth', 13)
    teacher = {'modality': 'depth', 'model': scratch('depth', num_classes=13), 'checkpoint': None}
    with pytest.raises(CheckpointError, match='knows 13 classes, the student 40'):
        build_teacher(teacher, depth_model)


def test_another_architecture_is_refused(depth_file, depth_model):
    teacher = {'modality': 'depth', 'model': scratch('depth', channels=64), 'checkpoint': depth_file}
    with pytest.raises(
        CheckpointError, match=r'student.pth: does not fit EncoderDecoder in \d+ of \d+ entries: decode_'
    ):
        build_teacher(teacher, depth_model)


def test_a_file_without_metadata_is_refused_by_its_shapes(tmp_path, depth_model):
    path = tmp_path / 'bare.pth'
    torch.save(MODELS.build(scratch('rgb')).state_dict(), path)
    teacher = {'modality': 'depth', 'model': scratch('depth'), 'checkpoint': path}
    with pytest.raises(CheckpointError, match=r'\(64, 3, 7, 7\), expected \(64, 1, 7, 7\)'):
        build_teacher(teacher, depth_model)


@pytest.mark.parametrize('content', [{'state_dict': None}, {'state_dict': [1]}, {3: torch.ones(1)}, {'meta': 'x'}])
def test_what_holds_no_weights_by_name_is_refused(content, tmp_path):
    torch.save(content, tmp_path / 'odd.pth')
    with pytest.raises(CheckpointError, match=r'odd.pth: holds no weights by name'):
        student_weights(tmp_path / 'odd.pth', 'depth')


def test_weights_of_a_training_that_failed_are_refused(tmp_path):
    torch.save({'a': torch.ones(2), 'b': torch.tensor([1.0, float('nan')])}, tmp_path / 'nan.pth')
    with pytest.raises(CheckpointError, match=r'nan.pth: 1 of 2 entries hold NaN, for example b'):
        student_weights(tmp_path / 'nan.pth', 'depth')
