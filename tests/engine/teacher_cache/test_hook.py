"""The hook: refused where a teacher gives something else in every epoch, and the same training where it serves."""

import json
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config, ConfigDict

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.apis.teacher import complete_teachers
from fdkd.engine.runner import Runner
from fdkd.engine.teacher_cache.hook import TeacherCacheHook, refusals
from fdkd.errors import ConfigError
from fdkd.registry import MODELS
from tests.support.motions import write_configs, write_motions
from tests.support.pairs import network


def built(kind):
    student = dict(modality='audio', model=network(1))
    teacher = dict(modality='visual', model=network(3), checkpoint=None)
    losses = {'feat': {'type': 'FeatureMSELoss', 'on': 'feat'}}
    return MODELS.build(ConfigDict(type=kind, student=student, teacher=teacher, losses=losses))


@pytest.fixture(scope='module')
def distiller():
    return built('CrossModalDistiller')


def dataset(steps=(), views=()):
    return SimpleNamespace(random_steps=lambda modality: [*steps] if modality == 'visual' else [], views=dict(views))


def test_nothing_speaks_against_a_frozen_teacher_with_a_fixed_view(distiller):
    assert refusals(distiller, dataset()) == []


def test_random_steps_are_named_with_both_ways_out(distiller):
    [reason] = refusals(distiller, dataset(['RandomCrop', 'RandomFlip']))
    assert 'RandomCrop, RandomFlip' in reason
    assert '--views N' in reason
    assert 'train_dataloader.dataset.pipeline' in reason


def test_views_of_the_teachers_modality_make_random_steps_repeat(distiller):
    assert refusals(distiller, dataset(['RandomCrop'], {'visual': 2})) == []
    assert len(refusals(distiller, dataset(['RandomCrop'], {'audio': 2}))) == 1


def test_a_teacher_that_trains_is_refused():
    [reason] = refusals(built('MutualDistiller'), dataset())
    assert reason.startswith('MutualDistiller has no frozen teacher')


def test_a_data_set_that_does_not_say_what_is_random_is_refused(distiller):
    [reason] = refusals(distiller, [1, 2])
    assert reason.startswith('list does not say which steps')


def test_a_teacher_in_training_mode_is_refused_beside_all_else(distiller):
    distiller.teacher.dropout.train()
    try:
        with pytest.raises(ConfigError, match=r'(?s)1\. .*evaluation mode \(dropout\).*2\. augmentation changes'):
            TeacherCacheHook().before_train(
                SimpleNamespace(algorithm=distiller, train_dataloader=SimpleNamespace(dataset=dataset(['RandomCrop'])))
            )
    finally:
        distiller.teacher.eval()


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Of 12 samples, two of which lack what the teacher sees."""
    monkeypatch.setattr(Config, 'pretty_text', '')  # MMEngine formats a config five times, for longer than it trains
    config = write_configs(tmp_path, write_motions(tmp_path / 'motions'), method='feat')
    for name in ('c00', 'c05'):
        (tmp_path / 'motions' / 'imu' / f'{name}.npy').unlink()
    torch.manual_seed(0)
    backbone = dict(type='ResNet18', in_channels=1)
    teacher = MODELS.build(dict(type='Classifier', backbone=backbone, num_classes=3))
    torch.save({'state_dict': teacher.state_dict()}, tmp_path / 'teacher.pth')
    return config


def run(config, folder, cache=None, **changes):
    """Losses of every iteration of three epochs, and the log; batches have the same samples in every epoch."""
    changes |= {'train_dataloader.sampler.shuffle': False, 'default_hooks.logger.interval': 1}
    changes |= {'default_hooks.checkpoint': None, 'val_dataloader': None, 'val_cfg': None, 'val_evaluator': None}
    if cache is not None:
        changes['default_hooks.teacher_cache'] = {'type': 'TeacherCacheHook', 'folder': str(cache)}
    cfg = load_config(config, RunOptions(epochs=3, cfg_options=changes))
    complete_teachers(cfg, RunOptions())
    cfg.model.teacher.checkpoint, cfg.work_dir = str(config.parent / 'teacher.pth'), str(folder)
    Runner.from_cfg(cfg).train()
    scalars = [json.loads(line) for line in next(folder.glob('*/vis_data/scalars.json')).read_text().splitlines()]
    losses = [{name: x for name, x in entry.items() if 'loss' in name} for entry in scalars]
    assert len(losses) == 9
    return losses, next(folder.glob('*/*.log')).read_text()


def test_a_training_has_the_same_losses_and_a_second_one_never_runs_the_teacher(config, tmp_path):
    plain, _ = run(config, tmp_path / 'plain')
    kept, log = run(config, tmp_path / 'kept', tmp_path / 'cache')
    assert kept == plain
    assert 'epoch 1: the tensors of the teacher were read 0 times and computed 10 times' in log
    assert 'epoch 2: the tensors of the teacher were read 10 times and computed 0 times' in log
    again, log = run(config, tmp_path / 'again', tmp_path / 'cache')
    assert again == plain
    assert '10 of 12 rows are there' in log
    assert 'epoch 1: the tensors of the teacher were read 10 times and computed 0 times' in log
    [folder] = [path for path in (tmp_path / 'cache').iterdir() if path.is_dir()]
    header = json.loads((folder / 'header.json').read_text())
    assert header['slots'] == 12
    assert header['belongs']['taps'] == {'feat': 'feature'}


def test_views_are_kept_one_by_one(config, tmp_path):
    options = pipeline(FLIP) | {'train_dataloader.dataset.views': {'imu': 2}}
    plain, _ = run(config, tmp_path / 'plain', **options)
    kept, log = run(config, tmp_path / 'kept', tmp_path / 'cache', **options)
    assert kept == plain
    assert '0 of 24 rows are there' in log
    assert 'epoch 2: the tensors of the teacher were read 0 times and computed 10 times' in log
    assert 'epoch 3: the tensors of the teacher were read 10 times and computed 0 times' in log


FLIP = {'type': 'Augment', 'modality': 'imu', 'transform': 'RandomHorizontalFlip'}


def pipeline(*more):
    load = [{'type': 'LoadFrames', 'modality': 'image'}, {'type': 'LoadArray', 'modality': 'imu'}]
    resize = {'type': 'Augment', 'modality': 'image', 'transform': 'Resize', 'size': (16, 16)}
    return {'train_dataloader.dataset.pipeline': [*load, resize, *more, {'type': 'PackClassification'}]}


def test_a_teacher_whose_view_is_new_in_every_epoch_is_refused_before_training(config, tmp_path):
    with pytest.raises(ConfigError, match=r'sees of a sample \(imu\) in every epoch: Augment\(RandomHorizontalFlip\)'):
        run(config, tmp_path / 'run', tmp_path / 'cache', **pipeline(FLIP))
