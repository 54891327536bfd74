"""What a config names outside itself."""

import pytest
import torch
from mmengine.config import Config

from fdkd.check.external import check_external, replace_text_models
from fdkd.check.findings import Findings

NOWHERE = 'no/such/file.pth'


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))


def config(**model):
    return Config({'model': {'type': 'CrossModalDistiller', **model}, 'load_from': None})


def checked(cfg):
    found = Findings('a.py')
    check_external(cfg, found)
    return found


def test_absent_checkpoints_are_mistakes_and_left_out():
    backbone = dict(type='ResNet18', init_cfg=dict(type='ImageNetInit', arch='resnet18', checkpoint=NOWHERE))
    cfg = config(student=dict(model=dict(backbone=backbone)), teacher=dict(config='t.py', checkpoint=NOWHERE))
    cfg.load_from = NOWHERE
    found = checked(cfg)
    assert found.mistakes == [
        f'model.teacher.checkpoint: {NOWHERE}: no such checkpoint',
        f'load_from: {NOWHERE}: no such checkpoint',
        f'model.student.model.backbone.init_cfg.checkpoint: {NOWHERE}: no such file of weights',
    ]
    assert (cfg.load_from, cfg.model.teacher.checkpoint) == (None, None)


def test_what_training_makes_or_downloads_is_a_note():
    backbone = dict(type='ResNet18', init_cfg=dict(type='ImageNetInit', arch='resnet18'))
    found = checked(config(student=dict(model=dict(backbone=backbone)), teacher=dict(config='t.py')))
    assert found.mistakes == []
    assert ['training uses a finished run of t.py' in found.notes[0], 'training downloads' in found.notes[1]] == [
        True
    ] * 2


def test_cached_imagenet_weights_need_no_note(tmp_path):
    (tmp_path / 'checkpoints').mkdir()
    (tmp_path / 'checkpoints' / 'resnet18-f37072fd.pth').touch()
    found = checked(config(student=dict(init_cfg=dict(type='ImageNetInit', arch='resnet18'))))
    assert found.notes == []


def test_an_unknown_architecture_is_a_mistake():
    found = checked(config(student=dict(init_cfg=dict(type='ImageNetInit', arch='resnet17'))))
    assert found.mistakes[0].startswith('model.student.init_cfg.arch: ')


def test_a_teacher_without_checkpoint_and_config_is_a_mistake_unless_it_trains():
    teacher = dict(model=dict(type='Classifier'))
    assert checked(config(teacher=dict(teacher))).mistakes == [
        'model.teacher: neither a checkpoint nor a config to train'
    ]
    assert checked(config(type='MutualDistiller', teacher=dict(teacher))).mistakes == []


def test_absent_data_are_a_note(tmp_path):
    cfg = config()
    for name, root in (('train_dataloader', 'no/data'), ('test_dataloader', str(tmp_path))):
        cfg[name] = dict(dataset=dict(data_root=root))
    found = checked(cfg)
    assert (found.mistakes, [note.partition(':')[0] for note in found.notes]) == ([], ['no/data'])


def test_a_text_model_that_is_not_here_is_built_with_usual_sizes(tmp_path):
    backbone = dict(type='TransformerText', model='distilbert-of-nowhere')
    cfg, found = config(student=dict(model=dict(backbone=backbone))), Findings('a.py')
    assert replace_text_models(cfg, found, tmp_path)
    assert 'checked with a distilbert' in found.notes[0]
    assert '"distilbert"' in (tmp_path / cfg.model.student.model.backbone.model / 'config.json').read_text()


def test_a_text_model_of_an_unknown_kind_is_reported(tmp_path):
    cfg = config(student=dict(model=dict(backbone=dict(type='TransformerText', model='xyz-of-nowhere'))))
    found = Findings('a.py')
    assert not replace_text_models(cfg, found, tmp_path)
    assert 'of no kind that is known' in found.notes[0]
    assert cfg.model.student.model.backbone.model == 'xyz-of-nowhere'
