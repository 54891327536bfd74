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


def test_pretrained_weights_are_removed_or_read_from_a_file_that_is_there(tmp_path):
    path = tmp_path / 'r18.pth'
    with pytest.raises(ConfigError, match=f'--pretrained {path}: no such file'):
        applied(pretrained=str(path))
    path.touch()
    assert applied(pretrained=str(path)).model.student.model.backbone.init_cfg.checkpoint == str(path)
    assert applied(pretrained='none').model.student.model.backbone.init_cfg is None


@pytest.fixture
def device(monkeypatch):
    """Says what GPU there is: none, or one with or without bfloat16."""

    def set_device(gpu, bf16=False):
        monkeypatch.setattr('torch.cuda.is_available', lambda: gpu)
        monkeypatch.setattr('torch.cuda.is_bf16_supported', lambda including_emulation=True: bf16)

    return set_device


@pytest.mark.parametrize('amp', [True, 'bf16'])
def test_amp_on_a_cpu_is_bfloat16(amp, device):
    device(gpu=False)
    assert applied(amp=amp).optim_wrapper.type == 'CPUAmpOptimWrapper'


@pytest.mark.parametrize(
    ('amp', 'bf16', 'dtype'), [(True, True, 'bfloat16'), (True, False, 'float16'), ('fp16', True, 'float16')]
)
def test_amp_on_a_gpu_scales_float16_alone(amp, bf16, dtype, device):
    device(gpu=True, bf16=bf16)
    wrapper = applied(amp=amp).optim_wrapper
    scale = 'dynamic' if dtype == 'float16' else {'enabled': False}
    assert (wrapper.type, wrapper.dtype, wrapper.loss_scale) == ('AmpOptimWrapper', dtype, scale)


@pytest.mark.parametrize(
    ('amp', 'gpu', 'message'),
    [
        ('fp16', False, r'--amp-dtype fp16: .* needs a GPU.*: on a CPU use bf16'),
        ('bf16', True, r'--amp-dtype bf16: this GPU has no bfloat16: use fp16'),
        ('half', False, r"--amp-dtype 'half': expected bf16 or fp16"),
    ],
)
def test_a_precision_that_the_device_lacks_is_an_error(amp, gpu, message, device):
    device(gpu=gpu)
    with pytest.raises(ConfigError, match=message):
        applied(amp=amp)


def test_speed_options_change_their_keys_alone():
    cfg = applied(channels_last=True, compile=True, accumulate=4, cache='disk', cache_teacher='there', views=3)
    assert (cfg.channels_last, cfg.compile, cfg.optim_wrapper.accumulative_counts) == (True, True, 4)
    assert cfg.default_hooks.teacher_cache == {'type': 'TeacherCacheHook', 'folder': 'there'}
    assert cfg.train_dataloader.dataset.views == {'depth': 3}
    assert cfg.train_dataloader.dataset.cache == 'disk'
    assert 'cache' not in cfg.test_dataloader.dataset


def test_skipping_unreadable_samples_reaches_training_alone_and_that_of_the_teacher():
    cfg = applied(on_error='skip')
    assert cfg.train_dataloader.dataset.on_error == 'skip'
    assert not any('on_error' in cfg[f'{name}_dataloader'].dataset for name in ('val', 'test'))
    assert RunOptions(on_error='skip').for_teacher().on_error == 'skip'
    with pytest.raises(ConfigError, match="--on-error 'ignore': expected raise or skip"):
        applied(on_error='ignore')


def test_what_concerns_the_frozen_teacher_does_not_reach_its_own_training():
    options = RunOptions(
        seed=1, amp='bf16', accumulate=2, cache='ram', cache_teacher='there', views=3, cfg_options={'a': 1}
    )
    assert options.for_teacher() == RunOptions(seed=1, amp='bf16', accumulate=2, cache='ram')


def test_looking_at_every_step_reaches_the_training_of_the_teacher():
    options = RunOptions(cfg_options={'a': 1, 'look_at_every_step': True})
    assert options.for_teacher() == RunOptions(cfg_options={'look_at_every_step': True})


@pytest.mark.parametrize('config', ['unimodal/nyu_rgb', 'dml/nyu_rgb_from_depth', 'c2kd/nyu_rgb_from_depth'])
@pytest.mark.parametrize(('option', 'flag'), [({'views': 2}, '--views'), ({'cache_teacher': 'a'}, '--cache-teacher')])
def test_without_a_frozen_teacher_there_is_nothing_to_keep_of_it(config, option, flag):
    cfg = Config.fromfile(f'configs/{config}.py')
    with pytest.raises(ConfigError, match=f'{flag}: {cfg.model.type} has no frozen teacher'):
        RunOptions(**option).apply(cfg)


def test_a_cache_is_in_memory_or_on_disk():
    with pytest.raises(ConfigError, match="--cache 'gpu': expected ram or disk"):
        applied(cache='gpu')


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
