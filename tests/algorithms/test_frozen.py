"""Whose losses are whose, and what a frozen teacher is asked for."""

from unittest.mock import Mock

import pytest
import torch

from fdkd.algorithms.frozen import FrozenTeacher, logit_losses, losses_by_teacher
from fdkd.errors import ConfigError
from fdkd.registry import MODELS
from tests.support.pairs import network


def test_losses_that_compare_logits():
    assert logit_losses({'a': {'on': 'feat'}, 'b': {'on': 'logits'}, 'c': {}}) == ['b']


def test_a_single_teacher_has_all_losses_and_may_be_named():
    losses = {'a': {'on': 'feat'}, 'b': {'on': 'feat', 'teacher': 'teacher'}}
    assert losses_by_teacher(losses, ['teacher']) == {'teacher': losses}
    with pytest.raises(ConfigError, match="the loss 'a' names the teacher 'x', which is not there: add teacher='teac"):
        losses_by_teacher({'a': {'teacher': 'x'}}, ['teacher'])


def test_each_of_several_has_its_own():
    losses = {'a': {'teacher': 'x'}, 'b': {'teacher': 'y'}, 'c': {'teacher': 'x'}}
    found = losses_by_teacher(losses, ['x', 'y'])
    assert {name: list(own) for name, own in found.items()} == {'x': ['a', 'c'], 'y': ['b']}


def test_it_is_asked_for_its_taps_without_gradients_or_its_cache_is():
    student = MODELS.build(network(1))
    teacher = FrozenTeacher(
        dict(modality='visual', model=network(3), checkpoint=None), student, {'feat': {'on': 'feat'}}
    )
    x = torch.randn(2, 3, 33, 33)
    found = teacher.ask(x, [None, None])
    assert list(found) == ['feat']
    assert not found['feat'].requires_grad
    torch.testing.assert_close(found['feat'], teacher.network.backbone(x).mean((2, 3)))
    teacher.cache = Mock(return_value='kept')
    assert teacher.ask(x, [None, None]) == 'kept'
    assert teacher.cache.call_args.args[:2] == (x, [None, None])


def test_without_a_checkpoint_only_what_comes_with_its_weights_teaches():
    student = MODELS.build(dict(type='TorchvisionModel', name='resnet18', num_classes=1000))
    config = dict(modality='visual', model=dict(type='TorchvisionModel', name='resnet18'))
    with pytest.raises(ConfigError, match="the teacher of modality 'visual' has no checkpoint"):
        FrozenTeacher(config, student, {'feat': {'on': 'feat'}})
    config['model']['pretrained'] = True
    assert FrozenTeacher(config, student, {'feat': {'on': 'feat'}}).untrained
