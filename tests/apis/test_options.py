"""Options of a run: what they change, and that a config's own come second."""

import pytest
from mmengine.config import Config

from fdkd.apis.options import RunOptions
from fdkd.errors import ConfigError

CONFIG = 'configs/fdkd/nyu_rgb_from_depth.py'


def applied(**options):
    cfg = Config.fromfile(CONFIG)
    RunOptions(**options).apply(cfg)
    return cfg


def test_no_option_changes_nothing():
    assert applied().pretty_text == Config.fromfile(CONFIG).pretty_text


def test_size_reaches_every_pipeline():
    cfg = applied(size=(64, 48))
    for name in ('train', 'val', 'test'):
        scales = [step.scale for step in cfg[f'{name}_dataloader'].dataset.pipeline if 'scale' in step]
        assert scales == [(64, 48)]


def test_size_without_a_resize_is_an_error():
    cfg = Config.fromfile(CONFIG)
    cfg.train_dataloader.dataset.pipeline = [{'type': 'LoadRGB'}]
    with pytest.raises(ConfigError, match='no step with a size'):
        RunOptions(size=(64, 48)).apply(cfg)


def test_epochs_stretch_the_schedule():
    cfg = applied(epochs=7)
    assert cfg.train_cfg.max_epochs == 7
    assert cfg.param_scheduler[0].end == 7


def test_data_batch_seed_and_workers():
    cfg = applied(data_root='elsewhere', batch_size=3, seed=5, workers=0)
    assert {cfg[f'{name}_dataloader'].dataset.data_root for name in ('train', 'val', 'test')} == {'elsewhere'}
    assert (cfg.train_dataloader.batch_size, cfg.randomness.seed) == (3, 5)
    assert (cfg.train_dataloader.num_workers, cfg.train_dataloader.persistent_workers) == (0, False)


@pytest.mark.parametrize(('given', 'expected'), [('none', None), ('r18.pth', 'r18.pth')])
def test_pretrained_weights_are_removed_or_read_from_a_file(given, expected):
    init = applied(pretrained=given).model.student.model.backbone.init_cfg
    assert (init if init is None else init.checkpoint) == expected


def test_amp_on_a_cpu_is_bfloat16(monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    assert applied(amp=True).optim_wrapper.type == 'CPUAmpOptimWrapper'


def test_options_of_the_command_line_win():
    options = RunOptions(epochs=2).over({'epochs': 8, 'batch_size': 4}, 'a.py')
    assert (options.epochs, options.batch_size) == (2, 4)


def test_zero_is_a_value():
    options = RunOptions(seed=0, workers=0).over({'seed': 1, 'workers': 2, 'amp': True}, 'a.py')
    assert (options.seed, options.workers, options.amp) == (0, 0, True)


def test_an_unknown_option_of_a_config_is_named():
    with pytest.raises(ConfigError, match=r'a.py: run_options.epoch: no such option; did you mean epochs'):
        RunOptions().over({'epoch': 8}, 'a.py')


def test_the_text_model_is_that_of_tokenizers_encoders_and_their_weights():
    cfg = Config.fromfile('configs/fdkd/crisismmd_text_from_image.py')
    RunOptions(text_model='some/folder').apply(cfg)
    backbone = cfg.model.student.model.backbone
    assert (backbone.model, backbone.init_cfg.model) == ('some/folder', 'some/folder')
    for name in ('train', 'val', 'test'):
        assert cfg[f'{name}_dataloader'].dataset.pipeline[0].model == 'some/folder'


def test_a_warm_up_keeps_its_length():
    cfg = Config.fromfile('configs/unimodal/cremad_audio.py')
    warm_up = [dict(type='LinearLR', by_epoch=False, end=500), dict(type='LinearLR', end=5)]
    cfg.param_scheduler = [*cfg.param_scheduler, *warm_up]
    RunOptions(epochs=20).apply(cfg)
    assert [scheduler.end for scheduler in cfg.param_scheduler] == [21, 500, 5]
