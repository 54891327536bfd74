"""From a pair's checkpoints to the profile, its file and the line for the config."""

import json

import pytest
import torch

from fdkd.analysis.cutoff import Suggestion
from fdkd.analysis.spectrum import spectral_profile
from fdkd.apis.config import load_config
from fdkd.apis.cutoff import _advice, cutoff
from fdkd.apis.features import read_features
from fdkd.apis.options import RunOptions
from fdkd.errors import ConfigError
from fdkd.registry import MODELS
from tests.support.motions import write_configs, write_motions


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    """The config and checkpoints of both models."""
    folder = tmp_path_factory.mktemp('pair')
    paths = [write_configs(folder, write_motions(folder / 'motions', train=24))]
    torch.manual_seed(0)
    for modality, channels in (('image', 3), ('imu', 1)):
        backbone = dict(type='ResNet18', in_channels=channels)
        paths.append(folder / f'{modality}.pth')
        torch.save(MODELS.build(dict(type='Classifier', backbone=backbone, num_classes=3)).state_dict(), paths[-1])
    return paths


def test_record_is_the_profile_of_the_training_features(pair, tmp_path, capsys):
    record = cutoff(*pair, out=tmp_path / 'new', bands=8)
    assert json.loads((tmp_path / 'new' / 'spectral_cka.json').read_text()) == record
    assert (tmp_path / 'new' / 'profile.png').read_bytes().startswith(b'\x89PNG')
    cfg = load_config(pair[0], RunOptions())
    features = [
        read_features(cfg, path, split='train', role=role).taps['feat']
        for path, role in ((pair[1], 'student'), (pair[2], 'teacher'))
    ]
    profile = spectral_profile(*features, bands=8)
    assert (record['student'], record['teacher'], record['samples'], record['split']) == ('image', 'imu', 24, 'train')
    assert record['edges'] == list(profile.edges)
    assert record['cka'] == pytest.approx(list(profile.cka), rel=1e-3)
    assert record['debiased'] == pytest.approx(list(profile.debiased), rel=1e-3, abs=1e-4)
    assert record['energy']['teacher'] == pytest.approx(list(profile.energy[1]), rel=1e-3)
    printed = capsys.readouterr().out
    assert 'image and imu, 24 samples, split train' in printed
    assert f'{record["debiased"][3]:.4f}' in printed
    assert record['reason'] in printed


def test_test_data_is_refused(pair):
    with pytest.raises(ConfigError, match='nothing is tuned on test data'):
        cutoff(*pair, split='test')


def test_unimodal_config_is_refused(pair):
    with pytest.raises(ConfigError, match='expected the config of a pair'):
        cutoff(pair[0].with_name('imu.py'), *pair[1:])


def test_suggestion_is_a_setting_that_a_run_takes(pair):
    suggestion = Suggestion(7 / 48, 0.4, 0.1, 'the profile falls')
    printed = _advice(suggestion, 'fdkd', 'channel')
    settings = dict(entry.split('=') for entry in printed.rpartition('--cfg-options ')[2].split())
    changes = {key: float(value) if key.endswith('cutoff') else value for key, value in settings.items()}
    decoupler = load_config(pair[0], RunOptions(cfg_options=changes)).model.losses.fdkd.decoupler
    assert decoupler == {'type': 'FourierDecoupler', 'cutoff': 7 / 48, 'axes': 'channel'}
    assert f'decoupler={decoupler!r}' not in printed
    assert f"decoupler=dict(type='FourierDecoupler', cutoff={7 / 48!r}, axes='channel')" in printed


def test_no_suggestion_says_why():
    assert _advice(Suggestion(None, 0.1, 0.2, 'it rises'), 'fdkd', None) == 'no cutoff suggested: it rises'
