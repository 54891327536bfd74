"""A whole config is checked before anything runs, and every mistake is reported at once."""

import pytest
from mmengine.config import Config

from fdkd.apis.validate import validate
from fdkd.errors import ConfigError

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
