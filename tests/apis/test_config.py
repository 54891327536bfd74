"""The complete config of a run."""

import sys
from pathlib import Path

import pytest
import torch

from fdkd.apis.config import config_hash, load_config, run_name
from fdkd.apis.options import RunOptions
from fdkd.datasets.fingerprint import walk
from fdkd.errors import ConfigError
from fdkd.registry import PARAM_SCHEDULERS

CONFIG = 'configs/fdkd/nyu_rgb_from_depth.py'


def test_training_reads_both_modalities_and_evaluation_the_students():
    cfg = load_config(CONFIG, RunOptions())
    modalities = {name: list(cfg[f'{name}_dataloader'].dataset.modalities) for name in ('train', 'val', 'test')}
    assert modalities == {'train': ['rgb', 'depth'], 'val': ['rgb'], 'test': ['rgb']}
    cfg = load_config('configs/unimodal/nyu_depth.py', RunOptions())
    assert list(cfg.train_dataloader.dataset.modalities) == ['depth']


def test_the_demo_changes_only_data_size_and_length():
    demo = load_config('configs/demo/rooms_rgb_from_depth.py', RunOptions())
    options = RunOptions(data_root='data/rooms', size=(128, 96), epochs=6, batch_size=8, pretrained='none')
    assert config_hash(demo) == config_hash(load_config(CONFIG, options))


def test_the_hash_follows_what_decides_the_weights_alone():
    hashes = [
        load_config(CONFIG, RunOptions(**options)).config_hash
        for options in ({}, {'workers': 0}, {'seed': 1}, {'size': (64, 48)}, {'amp': True}, {'pretrained': 'none'})
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == len(hashes) - 1


def test_the_hash_follows_switches_that_change_more_than_rounding():
    options = RunOptions(workers=0, channels_last=True, compile=True, cache_teacher='there')
    plain = load_config(CONFIG, RunOptions()).config_hash
    assert load_config(CONFIG, options).config_hash == plain
    cfg = load_config(CONFIG, RunOptions())
    cfg.train_dataloader.dataset.update(cache='ram', cache_folder='there', on_error='skip')
    cfg.optim_wrapper.optimizer.fused = True
    assert config_hash(cfg) == plain
    changed = [load_config(CONFIG, RunOptions(**switch)).config_hash for switch in ({'accumulate': 2}, {'views': 2})]
    assert len({plain, *changed}) == 3


def test_the_hash_follows_averaged_weights_and_no_other_default_hook():
    cfg = load_config(CONFIG, RunOptions())
    plain = cfg.config_hash
    cfg.default_hooks.other, cfg.default_hooks.none = {'type': 'IterTimerHook'}, None
    assert config_hash(cfg) == plain
    hashes = {plain}
    for momentum in (0.1, 0.2):
        cfg.default_hooks.average = {'type': 'fdkd.EMAHook', 'momentum': momentum}
        hashes.add(config_hash(cfg))
    assert len(hashes) == 3


def test_the_hash_follows_the_data_and_not_where_they_lie(nyu_root, nyu_copy):
    here, moved = (load_config(CONFIG, RunOptions(data_root=str(root))) for root in (nyu_root, nyu_copy))
    assert here.config_hash == moved.config_hash
    assert here.data_hash == moved.data_hash
    (nyu_copy / 'train.txt').write_text('0001\n0002\n')
    walk.cache_clear()
    changed = load_config(CONFIG, RunOptions(data_root=str(nyu_copy)))
    assert changed.data_hash != here.data_hash
    assert changed.config_hash != here.config_hash


def test_absent_data_have_no_hash(tmp_path):
    assert load_config(CONFIG, RunOptions(data_root=str(tmp_path / 'nowhere'))).data_hash is None


def test_modules_that_cfg_options_name_are_found_beside_the_config(tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text(f"_base_ = ['{Path(CONFIG).resolve()}']\n")
    (tmp_path / 'named_by_an_option.py').write_text('value = 1\n')
    cfg = load_config(path, RunOptions(cfg_options={'custom_imports.imports': ['named_by_an_option']}))
    assert sys.modules['named_by_an_option'].value == 1
    assert cfg.imported_from == [str(tmp_path)]
    with pytest.raises(ConfigError, match=r"custom_imports: there is no module 'absent_option'"):
        load_config(path, RunOptions(cfg_options={'custom_imports': {'imports': ['absent_option']}}))


def test_cfg_options_change_any_key():
    cfg = load_config(CONFIG, RunOptions(cfg_options={'model.losses.fdkd.lambda_high': 0.5}))
    assert cfg.model.losses.fdkd.lambda_high == 0.5


def test_a_run_is_named_after_its_config():
    assert run_name('configs/fdkd/nyu_rgb_from_depth.py') == 'fdkd/nyu_rgb_from_depth'
    assert run_name('my_config.py') == f'{Path.cwd().name}/my_config'


def test_the_hash_follows_the_number_of_processes(monkeypatch):
    alone = load_config(CONFIG, RunOptions()).config_hash
    monkeypatch.setattr('fdkd.apis.config.get_world_size', lambda: 4)
    assert load_config(CONFIG, RunOptions()).config_hash != alone


@pytest.mark.parametrize('loader', ['val_dataloader', 'test_dataloader'])
def test_an_evaluation_that_skips_samples_is_refused(loader):
    with pytest.raises(ConfigError, match=f"{loader}.dataset.on_error='skip': an evaluation scores every sample or no"):
        load_config(CONFIG, RunOptions(cfg_options={f'{loader}.dataset.on_error': 'skip'}))


@pytest.mark.parametrize('key', ['run_options.epochs', 'model.type.x', 'param_scheduler.3.power'])
def test_a_change_that_cannot_be_meant_is_named(key):
    with pytest.raises(ConfigError, match=f'--cfg-options {key}'):
        load_config('configs/demo/rooms_rgb_from_depth.py', RunOptions(cfg_options={key: 3}))


def test_a_config_that_is_absent_or_broken_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r'none.py: no such config file'):
        load_config(tmp_path / 'none.py', RunOptions())
    broken = tmp_path / 'broken.py'
    broken.write_text('model = dict(')
    with pytest.raises(ConfigError, match=r'broken.py: cannot be read: SyntaxError'):
        load_config(broken, RunOptions())


@pytest.mark.parametrize('epochs', [100, 7])
def test_the_rate_of_classification_is_that_of_the_published_code(epochs):
    cfg = load_config('configs/unimodal/cremad_audio.py', RunOptions(epochs=epochs))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-2)
    scheduler = PARAM_SCHEDULERS.build(cfg.param_scheduler[0], default_args=dict(optimizer=optimizer))
    for epoch in range(epochs):
        rate = 1e-4 + (1e-2 - 1e-4) * (1 - epoch / epochs) ** 0.9
        assert optimizer.param_groups[0]['lr'] == pytest.approx(rate, rel=1e-6)
        optimizer.step()
        scheduler.step()


def test_the_copy_that_a_run_leaves_can_be_loaded_again(tmp_path):
    cfg = load_config(CONFIG, RunOptions())
    cfg.dump(tmp_path / 'copy.py')
    again = load_config(tmp_path / 'copy.py', RunOptions())
    assert again.train_dataloader.collate_fn.type == 'fdkd.collate_pairs'
    assert again.config_hash == cfg.config_hash
    text = (tmp_path / 'copy.py').read_text()
    (tmp_path / 'copy.py').write_text(text.replace('fdkd.collate_pairs', 'fdkd.collate_pair'))
    with pytest.raises(ConfigError, match=r"collate_fn: unknown type 'fdkd.collate_pair'; did you mean collate_pairs"):
        load_config(tmp_path / 'copy.py', RunOptions())
