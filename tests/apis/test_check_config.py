"""A config is checked without data, and all its mistakes are listed at once."""

import json
from pathlib import Path

import numpy as np
import pytest

from fdkd.apis.check_config import check_config, check_configs
from fdkd.apis.options import RunOptions
from fdkd.errors import ConfigError
from tests.support.motions import write_configs, write_motions

GOOD = 'configs/feat/grid_visual_from_audio.py'
BROKEN = """
_base_ = [{base!r}]
model = dict(
    student=dict(model=dict(num_classes=7), taps=dict(middle='backbone.layer5')),
    teacher=dict(checkpoint='no/such/teacher.pth'),
    losses=dict(
        misspelt=dict(type='FDKDLos', on='feat'),
        argument=dict(type='FDKDLoss', on='feat', lamda_low=2.0),
        typed=dict(type='FDKDLoss', on='feat', lambda_low='much'),
        nowhere=dict(type='FDKDLoss', on='backbone.layer9'),
        shaped=dict(type='FeatureMSELoss', on='map'),
        off=dict(type='FDKDLoss', on='feat', weight=0.0),
        endless=dict(type='FeatureMSELoss', on='feat', weight=float('inf')),
        untapped=dict(type='FDKDLoss'),
        wide=dict(type='FDKDLoss', on='feat', connector=dict(type='Projection', in_channels=100, out_channels=512)),
    ),
)
train_dataloader = dict(batch_size='many', bath_size=3)
train_datalaoder = dict()
optim_wrapper = dict(optimizer=dict(type='SGDD'))
param_scheduler = [dict(type='PolyLR', power='high', begin=0, end=101, by_epoch=True)]
load_from = 'nowhere.pth'
custom_hooks = [dict(type='StopOnNonFiniteLos')]
run_options = dict(epoch=3)
"""
MISTAKES = (
    'run_options.epoch: no such option; did you mean epochs?',
    'train_datalaoder: unknown key; did you mean train_dataloader?',
    "model.losses.misspelt: unknown type 'FDKDLos'; did you mean FDKDLoss",
    'model.losses.argument.lamda_low: FDKDLoss takes no such argument; did you mean lambda_low?',
    "optim_wrapper.optimizer: unknown type 'SGDD'; did you mean SGD",
    "custom_hooks[0]: unknown type 'StopOnNonFiniteLos'; did you mean StopOnNonFiniteLoss",
    'train_dataloader.bath_size: a data loader takes no such argument; did you mean batch_size?',
    'model.student.model.num_classes: 7, but PairedDataset has 10 classes',
    "model.losses.typed.lambda_low: 'much', FDKDLoss expects float",
    "param_scheduler[0].power: 'high', PolyLR expects float",
    "train_dataloader.batch_size: 'many', a data loader expects int",
    'model.teacher.checkpoint: no/such/teacher.pth: no such checkpoint',
    'load_from: nowhere.pth: no such checkpoint',
    "model.losses.untapped: names no tap: add on='feat'",
    "model.losses.nowhere, student: Classifier has no tap 'backbone.layer9': the nearest modules are backbone.layer",
    "model.losses.nowhere, teacher: Classifier has no tap 'backbone.layer9': the nearest modules are backbone.layer",
    "model.student.taps: Classifier has no tap 'backbone.layer5': the nearest modules are backbone.layer",
    'model.losses.shaped: student feature (4, 512, 2, 2) and teacher feature (4, 512, 5, 2) differ: add '
    "connector=dict(type='Resize')",
    'model.losses.wide: Projection adapts one feature of 100 channels, it got (4, 512)',
    'endless.loss: inf in a step on random values',
    'model.losses.off: no gradient comes from it to the student',
)


@pytest.fixture(scope='module')
def broken(tmp_path_factory):
    path = tmp_path_factory.mktemp('broken') / 'broken.py'
    path.write_text(BROKEN.format(base=str(Path('configs/_base_/pairs/grid_visual_from_audio.py').resolve())))
    return path


@pytest.fixture(scope='module')
def checked(broken):
    return check_config(broken, quick=True)


@pytest.mark.parametrize('mistake', MISTAKES)
def test_every_mistake_is_listed(checked, mistake):
    assert [mistake in listed for listed in checked.mistakes].count(True) == 1


def test_nothing_else_is_listed_and_what_is_left_was_run(checked):
    assert len(checked.mistakes) == len(MISTAKES)
    assert [row['loss'] for row in checked.taps] == ['misspelt', 'argument', 'typed', 'off', 'endless']


def test_several_configs_are_summed_up_and_written(broken, tmp_path, capsys):
    good, absent = check_configs([GOOD, 'none.py'], quick=True, json=tmp_path / 'checked.json')
    printed = capsys.readouterr().out
    assert f'{GOOD}: no mistakes' in printed
    assert '1. none.py: no such config file' in printed
    assert '2 configs, 1 with mistakes' in printed
    written = json.loads((tmp_path / 'checked.json').read_text())['configs']
    assert [entry['mistakes'] for entry in written] == [good.mistakes, absent.mistakes]
    assert written[0]['taps'] == good.taps


def test_options_change_what_is_checked():
    changes = {'model.losses.feat.weight': 5.0, 'optim_wrapper.optimizer.lr': 0.003}
    options = RunOptions(size=(32, 24), batch_size=3, epochs=7, cfg_options=changes)
    found = check_config(GOOD, options)
    assert found.batch['shapes']['visual'] == [1, 3, 24, 32]
    assert (found.batch['samples'], found.batch['config'], found.taps[0]['weight']) == (3, 3, 5.0)
    assert found.schedule == 'SGD, lr 0.003, momentum 0.9, weight_decay 0.0001; 7 epochs; batches of 3'


def test_a_config_of_ones_own_needs_no_data(tmp_path):
    found = check_config(write_configs(tmp_path, tmp_path / 'nowhere', method='feat'), quick=True)
    assert found.mistakes == []
    assert f'imu: arrays taken as [1, 48, 64]; {tmp_path / "nowhere"} is not there' in found.notes
    assert found.batch['shapes']['image'] == [1, 3, 16, 16]  # which is the config's own, below that of a quick check
    assert any('nowhere: no such folder' in note for note in found.notes)


@pytest.fixture(scope='module')
def vectors(tmp_path_factory):
    """A folder with pictures and vectors ``[24]``, and a config whose teacher is a ResNet-18."""
    folder = tmp_path_factory.mktemp('vectors')
    root = write_motions(folder / 'motions')
    for path in (root / 'imu').iterdir():
        np.save(path, np.ones(24))
    return write_configs(folder, root, method='feat')


def with_backbone(config, backbone, folder):
    text = config.with_name('imu.py').read_text().replace("dict(type='ResNet18', in_channels=1)", backbone)
    (folder / 'imu.py').write_text(text)
    return folder / 'imu.py'


def test_vectors_of_the_data_do_not_fit_a_resnet_and_fit_their_backbone(vectors, tmp_path):
    found = check_config(vectors, quick=True)
    assert found.mistakes == [
        'model.teacher: imu: the data give vectors [24], ResNet18 needs [1, H, W]: use a backbone for vectors '
        "(type='VectorMLP', in_channels=24), or correct the data (Expected 3D (unbatched) or 4D (batched) input to "
        'conv2d, but got input of size: [4, 24])'
    ]
    assert 'imu: arrays are [24], as in imu/c00.npy' in found.notes
    fitting = check_config(with_backbone(vectors, "dict(type='VectorMLP', in_channels=24)", tmp_path), quick=True)
    assert fitting.mistakes == []
    assert fitting.batch['shapes'] == {'imu': [24]}
    [other] = check_config(with_backbone(vectors, "dict(type='VectorMLP', in_channels=7)", tmp_path)).mistakes
    assert other.startswith('model: imu: the data give vectors [24], VectorMLP needs vectors [7]: set in_channels=24')


LATE = """
import torch
from torch import nn
from fdkd.registry import BACKBONES


@BACKBONES.register_module(force=True)
class LateVectors(nn.Module):
    channels, stages = 8, ()

    def __init__(self):
        super().__init__()
        self.first, self.activation = nn.GRU(4, 8, batch_first=True), nn.ReLU()

    def forward(self, x):
        return self.first(x.unflatten(1, (6, 4)))[1][0]
"""


def test_a_backbone_whose_input_only_the_data_know_is_no_mistake_without_them(vectors, tmp_path, monkeypatch):
    (tmp_path / 'late_vectors.py').write_text(LATE)
    monkeypatch.syspath_prepend(tmp_path)
    config = with_backbone(vectors, "dict(type='LateVectors')", tmp_path)
    config.write_text("custom_imports = dict(imports=['late_vectors'])\n" + config.read_text())
    assert check_config(config, quick=True).mistakes == []
    found = check_config(config, RunOptions(data_root=str(tmp_path / 'gone')), quick=True)
    assert found.mistakes == []
    assert any(note.startswith('imu: arrays taken as [1, 48, 64]; ') for note in found.notes)
    [failure] = [note for note in found.notes if 'does not run on imu' in note]
    assert failure.endswith('(with imu [1, 48, 64], which is assumed)')


def test_what_no_data_could_mend_is_a_mistake_without_them_too(tmp_path):
    config = write_configs(tmp_path, tmp_path / 'nowhere', method='fdkd')
    changes = {
        'optim_wrapper.paramwise_cfg': {'custom_keys': {'backbone': 3}},
        'model.losses.off': {'type': 'FDKDLoss', 'on': 'feat', 'weight': 0.0},
    }
    found = check_config(config, RunOptions(cfg_options=changes), quick=True)
    assert [mistake.partition(':')[0] for mistake in found.mistakes] == ['optim_wrapper', 'model.losses.off']
    unbuildable = {'type': 'FDKDLoss', 'on': 'feat', 'decoupler': {'type': 'FourierDecoupler', 'cutoff': 7.0}}
    found = check_config(config, RunOptions(cfg_options={'model.losses.sharp': unbuildable}), quick=True)
    assert [mistake.partition(':')[0] for mistake in found.mistakes] == ['model.losses.sharp']
    assert not any('which is assumed' in note for note in found.notes)


def test_a_misspelt_tap_is_told_the_names(tmp_path):
    found = check_config(GOOD, RunOptions(cfg_options={'model.losses.feat.on': 'faet'}), quick=True)
    assert len(found.mistakes) == 2
    assert all("Classifier has no tap 'faet': did you mean feat?" in mistake for mistake in found.mistakes)


def test_a_pipeline_that_cannot_be_run_does_not_hide_the_rest(tmp_path):
    options = RunOptions(cfg_options={'model.student.modality': 'thermal', 'model.losses.feat.on': 'backbone.layer9'})
    found = check_config(GOOD, options, quick=True)
    shown = '\n'.join(found.mistakes)
    assert 'no step that can be generated for loads thermal; loaded are audio' in shown
    assert "model.losses.feat, student: Classifier has no tap 'backbone.layer9'" in shown
    assert "model.losses.feat, teacher: Classifier has no tap 'backbone.layer9'" in shown


OWN = """
from mmcv.transforms import BaseTransform
from fdkd.registry import TRANSFORMS


@TRANSFORMS.register_module(force=True)
class LoadOwnSensor(BaseTransform):
    def __init__(self, modality):
        self.modality = modality

    def transform(self, results):
        raise ValueError('there is no file')
"""


def test_a_loading_step_of_ones_own_is_no_mistake(tmp_path, monkeypatch):
    (tmp_path / 'own_sensor.py').write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    config = write_configs(tmp_path, tmp_path / 'nowhere', method='feat')
    text = config.read_text().replace("type='LoadArray'", "type='LoadOwnSensor'")
    config.write_text("custom_imports = dict(imports=['own_sensor'])\n" + text)
    found = check_config(config, quick=True)
    assert found.mistakes == []
    assert any('LoadOwnSensor: what a loading step of your own reads cannot be made up' in note for note in found.notes)
    config.write_text(config.read_text() + "\nmodel['losses']['feat']['on'] = 'backbone.layer9'\n")
    assert any("no tap 'backbone.layer9'" in mistake for mistake in check_config(config, quick=True).mistakes)


def test_the_folder_of_the_json_has_to_exist(tmp_path):
    with pytest.raises(ConfigError, match='there is no such folder'):
        check_configs([GOOD], json=tmp_path / 'none' / 'checked.json')


def test_a_folder_is_no_place_for_the_json(tmp_path):
    with pytest.raises(ConfigError, match='a folder, expected the name of a file'):
        check_configs([GOOD], json=tmp_path)


def test_a_config_whose_parts_are_misplaced_is_told_so_and_not_built(tmp_path):
    config = write_configs(tmp_path, tmp_path / 'nowhere', method='feat')
    config.write_text(config.read_text() + "\nmodel['losses'] = [1]\ntrain_dataloader['dataset'] = 3\n")
    found = check_config(config, quick=True)
    assert [mistake.partition(':')[0] for mistake in found.mistakes][:2] == ['model.losses', 'train_dataloader.dataset']
    assert any('nothing was built' in note for note in found.notes)
