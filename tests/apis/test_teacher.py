"""Where a teacher comes from: a checkpoint that is given, or random weights as a control."""

import fcntl
import json
import threading
import time
from pathlib import Path

import pytest
import torch

from fdkd.apis import teacher as teacher_module
from fdkd.apis.config import load_config, run_name
from fdkd.apis.options import RunOptions
from fdkd.apis.teacher import UNTRAINED, complete_teachers, ensure_teacher
from fdkd.apis.train import train
from fdkd.errors import ConfigError
from fdkd.models import StoredFeatures
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


@pytest.mark.parametrize('kind', ['StoredFeatures', 'fdkd.StoredFeatures', StoredFeatures])
def test_stored_features_need_neither_checkpoint_nor_training(tmp_path, kind):
    cfg = load_config(NYU, RunOptions())
    cfg.model.teacher = dict(modality='depth', model=dict(type=kind, taps=dict(logits=(40,))))
    ensure_teacher(cfg, RunOptions(), None, tmp_path, never)
    assert cfg.model.teacher.checkpoint is None
    cfg.model.teacher.model = cfg.model.student.model
    del cfg.model.teacher['checkpoint']
    with pytest.raises(ConfigError, match='neither a checkpoint nor a config to train'):
        ensure_teacher(cfg, RunOptions(), None, tmp_path, never)


def test_a_teacher_that_lost_samples_is_taken_where_samples_may_be_lost_alone(tmp_path, config, capsys):
    [own] = complete_teachers(load_config(config, RunOptions()), RunOptions()).values()
    meta = {'finished': True, 'config_hash': own.config_hash, 'skipped': 1}
    whole = tmp_path / 'runs' / f'{run_name(own.filename)}-{own.config_hash}'
    lossy = whole.with_name(f'{whole.name}-skip')
    lossy.mkdir(parents=True)
    torch.save({'meta': meta, 'state_dict': {}}, lossy / 'student.pth')
    trained = []
    cfg = load_config(config, RunOptions())
    ensure_teacher(cfg, RunOptions(on_error='skip'), None, tmp_path / 'runs', never)
    assert cfg.model.teacher.checkpoint == str(lossy / 'student.pth')
    cfg = load_config(config, RunOptions())
    ensure_teacher(cfg, RunOptions(), None, tmp_path / 'runs', lambda *given: trained.append(given[-1]))
    assert trained == [whole]
    assert 'trained without 1 samples that could not be read; it is not taken for a teacher' in capsys.readouterr().out


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


def test_a_teacher_that_another_job_trains_is_waited_for(config, tmp_path, monkeypatch, capsys):
    """Two jobs that trained in one folder would overwrite each other's files."""
    monkeypatch.setattr(teacher_module, '_PAUSE', 0.01)
    cfg = load_config(config, RunOptions())
    teacher = complete_teachers(load_config(config, RunOptions()), RunOptions())['teacher']
    folder = tmp_path / f'{tmp_path.name}/imu-{teacher.config_hash}'
    folder.mkdir(parents=True)
    other = (folder / '.teacher.lock').open('w')
    fcntl.flock(other, fcntl.LOCK_EX)

    def finish():
        while 'waiting for it' not in (said := said_so_far()):
            time.sleep(0.01)
        assert 'training it first' not in said
        meta = {'finished': True, 'config_hash': teacher.config_hash}
        torch.save({'meta': meta, 'state_dict': {}}, folder / 'student.pth')
        other.close()

    heard = []

    def said_so_far():
        heard.append(capsys.readouterr().out)
        return ''.join(heard)

    thread = threading.Thread(target=finish)
    thread.start()
    ensure_teacher(cfg, RunOptions(), None, tmp_path, never)
    thread.join()
    assert cfg.model.teacher.checkpoint == str(folder / 'student.pth')
    with (folder / '.teacher.lock').open('w') as mine:
        fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it is free again
