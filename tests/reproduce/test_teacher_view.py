"""Which runs may keep their teacher's features: those of which the hook itself says so."""

import pytest
from mmengine.config import Config

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.engine.teacher_cache.hook import _data_refusals
from fdkd.registry import DATASETS
from fdkd.reproduce.teacher_view import has_fixed_view
from tests.support.motions import write_motions
from tests.support.repository import DML, FEAT, IMAGE, REPOSITORY, write_repository

FLIP = {'type': 'Augment', 'modality': 'image', 'transform': 'RandomHorizontalFlip'}
JITTER = {'type': 'Augment', 'modality': 'imu', 'transform': 'RandomHorizontalFlip'}


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    root = write_motions(tmp_path_factory.mktemp('data') / 'motions')
    return write_repository(tmp_path_factory.mktemp('repository'), root)


def loaded(place, config, steps=(), **dataset):
    cfg = Config(load_config(place / config, RunOptions()).to_dict())
    cfg.train_dataloader.dataset.update(dataset)
    cfg.train_dataloader.dataset.pipeline[0:0] = list(steps)
    return cfg


@pytest.mark.parametrize(
    ('steps', 'dataset', 'fixed'),
    [
        ((), {}, True),
        ((FLIP,), {}, True),
        ((JITTER,), {}, False),
        ((JITTER,), {'views': {'imu': 2}}, True),
        (({'type': 'mmseg.RandomFlip', 'prob': 0.5},), {}, False),
    ],
)
def test_the_hook_says_the_same_of_the_data_set(place, steps, dataset, fixed):
    cfg = loaded(place, FEAT, steps, **dataset)
    assert has_fixed_view(cfg) is fixed
    assert (not _data_refusals(DATASETS.build(cfg.train_dataloader.dataset), 'imu')) is fixed


@pytest.mark.parametrize('config', [DML, IMAGE])
def test_without_a_frozen_teacher_nothing_is_kept(place, config):
    assert not has_fixed_view(loaded(place, config))


def test_several_teachers_and_stored_features_have_none(place):
    cfg = loaded(place, FEAT)
    cfg.model.teacher = {'modality': 'imu', 'model': {'type': 'StoredFeatures', 'taps': {'feat': (4,)}}}
    assert not has_fixed_view(cfg)
    cfg.model.teachers = {'a': cfg.model.pop('teacher')}
    assert not has_fixed_view(cfg)


@pytest.mark.parametrize(
    ('name', 'fixed'),
    [('grid_visual_from_audio', True), ('grid_audio_from_visual', False), ('nyu_rgb_from_depth', False)],
)
def test_pairs_of_the_repository(name, fixed):
    assert has_fixed_view(load_config(REPOSITORY / f'configs/fdkd/{name}.py', RunOptions())) is fixed
