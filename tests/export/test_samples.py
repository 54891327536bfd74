"""Which samples are compared and which calibrate."""

from pathlib import Path

import pytest

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.errors import ExportError
from fdkd.export.samples import BATCH, GENERATED, calibration_samples, compared_samples
from tests.support.motions import write_configs, write_motions


def ids(batches):
    return [sample.metainfo['sample_id'] for batch in batches for sample in batch['data_samples']]


@pytest.fixture(scope='module')
def cfg(tmp_path_factory):
    folder = tmp_path_factory.mktemp('samples')
    root = write_motions(folder / 'motions', train=8, test=6)
    return load_config(write_configs(folder, root, method='feat'), RunOptions())


def test_they_are_spread_over_the_test_set(cfg):
    few = compared_samples(cfg, 'image', 3)
    assert ids(few.batches) == ['c08', 'c10', 'c13']
    assert (few.labelled, few.words) == (True, 'compared on 3 of 6 test samples')
    assert few.first()['inputs']['image'][0].shape == (1, 3, 16, 16)
    every = compared_samples(cfg, 'image', 100)
    assert len(set(ids(every.batches))) == 6
    assert [len(batch['data_samples']) for batch in every.batches] == [BATCH, 2]


def test_ranges_never_come_from_test_samples(cfg):
    assert ids(calibration_samples(cfg, 'image')) == [f'c{number:02d}' for number in range(8)]


def test_without_data_samples_are_generated_and_nothing_is_calibrated(cfg, tmp_path):
    elsewhere = load_config(Path(cfg.filename), RunOptions(data_root=str(tmp_path / 'gone')))
    made = compared_samples(elsewhere, 'image', 32)
    assert len(ids(made.batches)) == GENERATED
    assert not made.labelled
    assert 'generated samples, since' in made.words
    with pytest.raises(ExportError, match='gone is not there'):
        calibration_samples(elsewhere, 'image')


def test_generated_vectors_are_as_long_as_the_model_takes_them(cfg, tmp_path):
    elsewhere = load_config(Path(cfg.filename), RunOptions(data_root=str(tmp_path / 'gone')))
    elsewhere.model.student = dict(modality='imu', model=dict(elsewhere.imu, num_classes=3))
    elsewhere.model.student.model.backbone = dict(type='VectorMLP', in_channels=24)
    batches = compared_samples(elsewhere, 'imu', 32).batches
    assert {tuple(x.shape) for batch in batches for x in batch['inputs']['imu']} == {(24,)}


def test_generated_texts_have_different_lengths(short_bert):
    options = RunOptions(data_root='gone', text_model=short_bert, cfg_options={})
    cfg = load_config('configs/unimodal/crisismmd_text.py', options)
    batches = compared_samples(cfg, 'text', 32).batches
    lengths = [len(ids) for batch in batches for ids in batch['inputs']['text']]
    assert len(set(lengths)) == GENERATED
