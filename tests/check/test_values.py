"""Values that cannot be meant, and losses whose first stage is missing."""

import pytest
from mmengine.config import Config

from fdkd.check.values import wrong_values

FREEKD = {'freekd': {'type': 'FreeKDLoss', 'on': 'map'}}


def found(**sections):
    return list(wrong_values(Config(sections)))


@pytest.mark.parametrize('path', ['configs/fdkd/nyu_rgb_from_depth.py', 'configs/freekd/grid_visual_from_audio.py'])
def test_a_good_config_passes(path):
    assert list(wrong_values(Config.fromfile(path))) == []


@pytest.mark.parametrize(
    ('section', 'values', 'sentence'),
    [
        ('train_cfg', {'max_epochs': 0}, 'train_cfg.max_epochs: 0, expected a whole number of 1 or more'),
        ('train_cfg', {'max_epochs': 1.5}, 'train_cfg.max_epochs: 1.5, expected a whole number of 1 or more'),
        ('train_dataloader', {'batch_size': -4}, 'train_dataloader.batch_size: -4, expected a whole number of 1'),
        ('val_dataloader', {'num_workers': -1}, 'val_dataloader.num_workers: -1, expected a whole number of 0'),
        ('test_dataloader', {'dataset': {'pipeline': []}}, 'test_dataloader.dataset.pipeline: has no step'),
        ('randomness', {'seed': 'x'}, "randomness.seed: 'x', expected a whole number of 0 or more"),
        ('randomness', {'seed': 2**32}, f'randomness.seed: {2**32}, expected a whole number below 2**32'),
        ('model', {'losses': {}}, 'model.losses: empty'),
        ('model', {'losses': FREEKD}, 'model.losses.freekd: FreeKDLoss learns in a stage before training: add dict('),
    ],
)
def test_what_cannot_be_meant_is_named(section, values, sentence):
    (said,) = found(**{section: values})
    assert said.startswith(sentence)


@pytest.mark.parametrize(
    'hooks',
    [
        {'custom_hooks': [{'type': 'fdkd.LearnPrompts'}]},
        {'default_hooks': {'prompts': {'type': 'LearnPrompts'}, 'timer': None}},
    ],
)
def test_a_first_stage_is_found(hooks):
    assert found(model={'losses': FREEKD}, **hooks) == []


def test_a_seed_that_is_drawn_is_no_mistake():
    assert found(randomness={'seed': None}) == []
