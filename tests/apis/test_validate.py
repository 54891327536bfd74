"""A whole config is checked before anything runs, and every mistake is reported at once."""

import pytest
import torch
from mmengine.config import Config

from fdkd.apis.validate import refuse_unbuildable, validate
from fdkd.errors import ConfigError
from fdkd.registry import DISTILL_LOSSES

CONFIG = 'configs/fdkd/nyu_rgb_from_depth.py'


def mistakes(**changes):
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(changes)
    with pytest.raises(ConfigError) as caught:
        validate(cfg, 'my.py')
    return str(caught.value)


def test_a_good_config_passes():
    validate(Config.fromfile(CONFIG), CONFIG)


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('model.losses.fdkd.type', 'FDKDLos', "model.losses.fdkd: unknown type 'FDKDLos'; did you mean FDKDLoss"),
        ('model.losses.fdkd.lamda_low', 2, 'FDKDLoss takes no such argument; did you mean lambda_low'),
        ('model.losses.fdkd.wieght', 2, 'FDKDLoss takes no such argument; did you mean weight'),
        ('model.losses.fdkd.decoupler', {'type': 'FourierDecoupler', 'cut': 1}, 'did you mean cutoff'),
        ('model.student.model.backbone.dept', 18, 'mmseg.ResNet takes no such argument; did you mean depth'),
        ('model.student.model.decode_head.num_classes', 13, 'num_classes: 13, but NYUDepthV2 has 40 classes'),
        ('train_dataloader.dataset.type', 'NYU', "train_dataloader.dataset: unknown type 'NYU'"),
        ('train_dataloader.dataset.pipeline.5.hues', 1, 'RandomHSV takes no such argument; did you mean hue'),
        ('optim_wrapper.optimizer.learning_rate', 1, 'SGD takes no such argument'),
        (
            'train_dataloader.bath_size',
            3,
            'a data loader takes no such argument; did you mean batch_size',
        ),
        ('train_datalaoder', {}, 'train_datalaoder: unknown key; did you mean train_dataloader'),
        (
            'model.data_preprocessor',
            {'type': 'MultimodalPreprocessor', '_delete_': True},
            'needs the argument modalities',
        ),
    ],
)
def test_a_mistake_is_named_with_the_nearest_name(key, value, message):
    assert message in mistakes(**{key: value})


def test_what_a_loss_requires_and_is_told_of_the_models_need_not_stand_in_the_config():
    @DISTILL_LOSSES.register_module(name='ToldLoss', force=True)
    class ToldLoss(torch.nn.Module):
        def __init__(self, num_classes: int, margin: float) -> None: ...

    try:
        told = mistakes(**{'model.losses.told': dict(type='ToldLoss', on='feat')})
    finally:
        DISTILL_LOSSES.module_dict.pop('ToldLoss')
    assert 'model.losses.told: ToldLoss needs the argument margin' in told
    assert 'num_classes' not in told


def test_five_mistakes_are_five_lines():
    text = mistakes(
        **{
            'model.losses.fdkd.type': 'FDKDLos',
            'model.student.model.backbone.dept': 18,
            'train_cfg.max_epoch': 3,
            'optim_wrapper.type': 'Optim',
            'train_dataloader.dataset.splitt': 'train',
        }
    )
    assert text.startswith('my.py: 5 mistakes')
    assert [line.strip()[:2] for line in text.splitlines()[1:]] == ['1.', '2.', '3.', '4.', '5.']


def test_a_student_without_a_modality_is_named():
    cfg = Config.fromfile(CONFIG)
    cfg.model.student.pop('modality')
    with pytest.raises(ConfigError, match=r'model.student: names no modality'):
        validate(cfg, 'my.py')


def test_an_absent_section_is_named():
    cfg = Config.fromfile(CONFIG)
    cfg.pop('optim_wrapper')
    with pytest.raises(ConfigError, match='optim_wrapper: missing'):
        validate(cfg, 'my.py')


def test_values_of_a_wrong_type_are_listed_with_the_rest():
    text = mistakes(**{'model.losses.fdkd.lambda_low': 'much', 'train_cfg.max_epochs': 0})
    assert text.startswith('my.py: 2 mistakes')
    assert "model.losses.fdkd.lambda_low: 'much', FDKDLoss expects float" in text


@pytest.mark.parametrize('key', ['train_dataloader', 'train_dataloader.dataset', 'model'])
def test_a_part_of_another_kind_is_one_mistake_and_no_crash(key):
    cfg = Config.fromfile(CONFIG)
    *path, last = key.split('.')
    node = cfg
    for part in path:
        node = node[part]
    node[last] = [3]
    with pytest.raises(ConfigError, match=rf'{key}: \[3\], expected a dictionary'):
        validate(cfg, 'my.py')


def test_what_cannot_be_built_is_refused_before_a_training():
    cfg = Config.fromfile(CONFIG)
    refuse_unbuildable(cfg, 'my.py')
    cfg.optim_wrapper.optimizer.lr = -1.0
    cfg.custom_hooks.append(dict(type='LearnPrompts', epochs=1, nothing=2))
    with pytest.raises(ConfigError, match=r'(?s)2 mistakes.*optim_wrapper: ValueError.*custom_hooks\[2\]: Type'):
        refuse_unbuildable(cfg, 'my.py')
