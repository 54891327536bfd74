"""A run with several teachers, from its config to what it leaves behind."""

import json
from pathlib import Path

import pytest
import torch
from torchvision.models import resnet18

from fdkd.apis.check_config import check_config
from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.apis.teacher import ensure_teacher
from fdkd.apis.test import test as evaluate
from fdkd.apis.train import train
from fdkd.errors import ConfigError
from tests.support.motions import CONFIG, write_configs, write_motions

TEACHERS = """
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='image', model=image),
    teachers=dict(
        motion=dict(modality='imu', config={teacher!r}),
        picture=dict(
            modality='image',
            model=dict(type='TorchvisionModel', name='resnet18', pretrained={weights!r}),
        ),
    ),
    losses=dict(
        feat=dict(type='FeatureMSELoss', on='feat', teacher='motion', weight=0.5),
        fdkd=dict(type='FDKDLoss', on='feat', teacher='picture'),
    ),
    data_preprocessor=data_preprocessor,
)
"""


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp('several')
    write_configs(folder, root := write_motions(folder / 'data'))
    torch.save(resnet18().state_dict(), folder / 'resnet.pth')
    common = CONFIG.format(configs=str(Path('configs').resolve()), root=str(root), method='feat')
    text = TEACHERS.format(teacher=str(folder / 'imu.py'), weights=str(folder / 'resnet.pth'))
    (folder / 'several.py').write_text(common + text)
    return folder / 'several.py'


def test_each_teacher_is_trained_or_loaded_and_the_student_stands_alone(config, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    results = train(config, work_dir=tmp_path / 'run')
    said = capsys.readouterr().out
    assert 'no trained imu teacher' in said
    assert 'the teacher picture is not scored: it was trained on 1000 classes, not the 3 of the data' in said
    assert set(results['teacher_checkpoint']) == {'motion', 'picture'}
    assert results['teacher_checkpoint']['picture'] is None
    assert results['teacher motion']['modality'] == 'imu'
    assert 'teacher motion (imu)' in said
    weights = torch.load(tmp_path / 'run' / 'epoch_1.pth', weights_only=True)['state_dict']
    assert {name.split('.')[0] for name in weights} == {'student', 'terms'}
    heads = evaluate(config, tmp_path / 'run' / 'epoch_1.pth', work_dir=tmp_path / 'test')
    assert heads['student']['metrics'] == results['student']['metrics']
    scalars = json.loads((tmp_path / 'run' / 'results.json').read_text())
    assert 'teacher motion' in scalars


def test_it_is_checked_without_data(config):
    found = check_config(config, quick=True)
    assert not found.mistakes
    assert {row['loss']: row['teacher_path'] for row in found.taps} == {'feat': 'feature', 'fdkd': 'feat'}
    assert found.parameters['teacher']['trainable'] == 0


def test_a_mistake_in_a_teacher_is_named_after_it(config, tmp_path):
    text = config.read_text().replace("modality='imu', config", "modality='sonar', config")
    (tmp_path / 'wrong.py').write_text(text)
    [mistake, *_] = check_config(tmp_path / 'wrong.py', quick=True).mistakes
    assert mistake.startswith('model.teachers.motion.config: ')
    cfg = load_config(tmp_path / 'wrong.py', RunOptions())
    with pytest.raises(ConfigError, match="expected 'sonar'"):
        ensure_teacher(cfg, RunOptions(), None, tmp_path, pytest.fail)


def test_a_single_checkpoint_says_not_whose_it_is(config, tmp_path):
    cfg = load_config(config, RunOptions())
    with pytest.raises(ConfigError, match=r'several teachers \(motion, picture\): name the file with --cfg-opt'):
        ensure_teacher(cfg, RunOptions(), 'teacher.pth', tmp_path, pytest.fail)
    ensure_teacher(cfg, RunOptions(), 'untrained', tmp_path, pytest.fail)
    assert [cfg.model.teachers[name].checkpoint for name in ('motion', 'picture')] == [None, None]
    assert cfg.model.teachers.picture.model.pretrained is False


def test_what_is_made_for_one_teacher_refuses_several(config):
    for options in (RunOptions(cache_teacher='there'), RunOptions(views=2)):
        with pytest.raises(ConfigError, match=r'there are several teachers \(motion, picture\), it is made for one'):
            load_config(config, options)


def test_weights_of_another_librarys_teacher_stay_where_a_training_starts_from_scratch(config):
    cfg = load_config(config, RunOptions(pretrained='none'))
    assert cfg.model.teachers.picture.model.pretrained.endswith('resnet.pth')
    student = dict(type='TorchvisionModel', name='resnet18', pretrained=True)
    cfg = load_config(config, RunOptions(cfg_options={'model.student.model': {'_delete_': True, **student}}))
    assert cfg.model.student.model.num_classes == 3  # the data set's
    assert 'num_classes' not in cfg.model.teachers.picture.model  # its own
    RunOptions(pretrained='none').apply(cfg)
    assert cfg.model.student.model.pretrained is False


def test_the_training_set_is_read_in_all_modalities(config):
    cfg = load_config(config, RunOptions())
    assert list(cfg.train_dataloader.dataset.modalities) == ['image', 'imu', 'image']
    assert list(cfg.train_dataloader.dataset.optional) == ['imu', 'image', 'label']
    assert list(cfg.test_dataloader.dataset.modalities) == ['image']
