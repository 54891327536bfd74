"""Where a teacher comes from: a checkpoint that is given, or random weights as a control."""

import json
from pathlib import Path

import pytest
import torch

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.apis.teacher import UNTRAINED, ensure_teacher
from fdkd.apis.train import train
from fdkd.errors import ConfigError
from fdkd.registry import MODELS
from tests.support.motions import write_configs, write_motions

NYU = 'configs/fdkd/nyu_rgb_from_depth.py'


def never(*_):
    pytest.fail('a teacher is trained')


@pytest.fixture
def config(tmp_path):
    return write_configs(tmp_path, write_motions(tmp_path / 'motions'))


def test_a_given_checkpoint_is_used(tmp_path):
    cfg = load_config(NYU, RunOptions())
    ensure_teacher(cfg, RunOptions(), 'mine.pth', tmp_path, never)
    assert cfg.model.teacher.checkpoint == 'mine.pth'


@pytest.mark.parametrize('stated', [False, True])
def test_an_untrained_teacher_has_no_weights_from_anywhere(tmp_path, stated):
    cfg = load_config(NYU, RunOptions())
    if stated:
        cfg.model.teacher.model = cfg.model.student.model.copy()
        cfg.model.teacher.model.backbone.init_cfg = dict(type='ImageNetInit', arch='resnet18')
    cfg.model.teacher.checkpoint = 'of the config.pth'
    ensure_teacher(cfg, RunOptions(), UNTRAINED, tmp_path, never)
    assert cfg.model.teacher.checkpoint is None
    assert cfg.model.teacher.model.backbone.in_channels == (3 if stated else 1)
    assert 'ImageNetInit' not in str(cfg.model.teacher.model)
    assert 'ImageNetInit' in str(cfg.model.student.model)  # the student starts as it always does


def test_an_untrained_language_model_has_no_weights_from_anywhere(tmp_path):
    cfg = load_config('configs/fdkd/crisismmd_image_from_text.py', RunOptions())
    ensure_teacher(cfg, RunOptions(), UNTRAINED, tmp_path, never)
    assert 'HuggingFaceInit' not in str(cfg.model.teacher.model)


def test_an_untrained_teacher_needs_a_model(tmp_path):
    cfg = load_config(NYU, RunOptions())
    del cfg.model.teacher['config']
    with pytest.raises(ConfigError, match="--teacher untrained: the teacher of modality 'depth' states no model"):
        ensure_teacher(cfg, RunOptions(), UNTRAINED, tmp_path, never)


@pytest.fixture
def teachers(monkeypatch):
    """The weights of every teacher that is scored, in the order of the runs."""
    seen = []

    def noted(model, modality, like):
        if model is like.teacher:
            seen.append({name: x.clone() for name, x in model.state_dict().items()})
        return original(model, modality, like)

    from fdkd.apis import report

    original = report.alone
    monkeypatch.setattr('fdkd.apis.report.alone', noted)
    return seen


def test_a_run_under_an_untrained_teacher_says_so_and_repeats_it(config, tmp_path, monkeypatch, teachers):
    monkeypatch.setattr('fdkd.apis.train.WORK_DIRS', tmp_path / 'work_dirs')
    options = RunOptions(epochs=2)
    results = train(config, options, work_dir=tmp_path / 'run', teacher=UNTRAINED)
    assert results['teacher_checkpoint'] is None
    assert json.loads((tmp_path / 'run' / 'results.json').read_text())['teacher_checkpoint'] is None
    assert results['teacher']['modality'] == 'imu'
    assert not list(Path(tmp_path / 'work_dirs').glob('**/*.pth'))

    whole = torch.load(tmp_path / 'run' / 'student.pth', weights_only=True)['state_dict']
    for name in ('epoch_2.pth', 'student.pth'):
        (tmp_path / 'run' / name).unlink()
    train(config, options, work_dir=tmp_path / 'run', teacher=UNTRAINED, resume=True)  # from epoch 1
    resumed = torch.load(tmp_path / 'run' / 'student.pth', weights_only=True)['state_dict']
    assert all(whole[name].equal(resumed[name]) for name in whole)
    first, second = teachers
    assert all(first[name].equal(second[name]) for name in first)
    torch.manual_seed(0)
    alike = MODELS.build(dict(type='Classifier', backbone=dict(type='ResNet18', in_channels=1), num_classes=3))
    assert first.keys() == alike.state_dict().keys()


def test_a_teacher_of_the_students_own_modality_trains_it(tmp_path, config):
    own = config.with_name('image.py')
    alone = config.with_name('imu.py').read_text()
    own.write_text(alone.replace("modality='imu', model=imu", "modality='image', model=image"))
    changes = {'model.teacher.modality': 'image', 'model.teacher.config': str(own)}
    results = train(config, RunOptions(cfg_options=changes), work_dir=tmp_path / 'run', teacher=UNTRAINED)
    assert (results['student']['modality'], results['teacher']['modality']) == ('image', 'image')
    losses = json.loads(next((tmp_path / 'run').glob('*/vis_data/scalars.json')).read_text().splitlines()[0])
    assert losses['fdkd.loss_low'] > 0
