"""Parts of a config that are not what a training takes them for are named by their path."""

import pytest
from mmengine.config import Config

from fdkd.check.structure import misplaced

GOOD = 'configs/fdkd/nyu_rgb_from_depth.py'


def test_a_good_config_has_nothing_misplaced():
    assert misplaced(Config.fromfile(GOOD)) == []
    assert misplaced(Config({})) == []


@pytest.mark.parametrize(
    ('key', 'value', 'sentence'),
    [
        ('model', [], 'model: [], expected a dictionary with a type'),
        ('model', {'type': 3}, 'model.type: 3, expected the name of a class'),
        ('model', {'type': 'A', 'student': {}}, 'model.student.model: None, expected a dictionary with a type'),
        ('model', {'type': 'A', 'losses': {'kd': {}}}, 'model.losses.kd: names no type'),
        ('train_dataloader', 3, 'train_dataloader: 3, expected a dictionary'),
        ('val_dataloader', {}, 'val_dataloader.dataset: None, expected a dictionary with a type'),
        ('optim_wrapper', {}, 'optim_wrapper.optimizer: None, expected a dictionary with a type'),
        ('optim_wrapper', 'SGD', "optim_wrapper: 'SGD', expected a dictionary"),
        ('custom_hooks', ['A'], "custom_hooks[0]: 'A', expected a dictionary with a type"),
        ('param_scheduler', {'end': 3}, 'param_scheduler[0]: names no type'),
    ],
)
def test_what_is_misplaced_is_named(key, value, sentence):
    assert misplaced(Config({key: value})) == [sentence]


@pytest.mark.parametrize(('pipeline', 'sentence'), [(3, '3, expected a list of steps'), ([3], '[0]: 3, expected a')])
def test_a_pipeline_is_a_list_of_steps(pipeline, sentence):
    (found,) = misplaced(Config({'train_dataloader': {'dataset': {'type': 'A', 'pipeline': pipeline}}}))
    assert sentence in found


def test_steps_that_are_built_already_are_left_alone():
    assert misplaced(Config({'train_dataloader': {'dataset': {'type': 'A', 'pipeline': [len]}}})) == []


def test_a_long_value_is_cut():
    (found,) = misplaced(Config({'model': 'x' * 1000}))
    assert len(found) < 120
