"""What is found out about arrays before a step, with data and without."""

import copy

import numpy as np
import pytest
from mmengine.config import Config, ConfigDict

from fdkd.check.arrays import array_modalities, arrays_of, assumed_shape
from tests.support.motions import write_motions


def classifier(**backbone):
    return dict(type='Classifier', backbone=backbone, num_classes=3)


MODELS = {'imu': classifier(type='VectorMLP', in_channels=24), 'image': classifier(type='ResNet18')}


def config(root, **more):
    dataset = dict(
        type='PairedDataset', data_root=str(root), split='train', annotations='clips.csv',
        sources=dict(image='image/{id}.png', imu='imu/{id}.npy'), classes=('sit', 'walk', 'run'),
        modalities=['image', 'imu'], optional=['imu', 'label'], pipeline=[dict(type='LoadArray', modality='imu')],
    )  # fmt: skip
    return ConfigDict(train_dataloader=dict(dataset={**dataset, **more}))


@pytest.fixture
def root(tmp_path):
    return write_motions(tmp_path / 'motions')


@pytest.mark.parametrize(('stored', 'shape'), [((6, 20), (1, 6, 20)), ((24,), (24,)), ((3, 4, 5), (3, 4, 5))])
def test_the_header_of_the_first_file_says_the_shape(root, stored, shape):
    (root / 'imu' / 'c00.npy').unlink()  # it is optional
    np.save(root / 'imu' / 'c01.npy', np.zeros(stored))
    [found] = arrays_of(config(root), MODELS).values()
    assert found == (shape, False, f'arrays are {list(shape)}, as in imu/c01.npy', None)


def test_one_file_is_opened_and_its_values_are_not_read(root, monkeypatch):
    load, opened = np.load, []
    monkeypatch.setattr(np, 'load', lambda *args, **more: opened.append((args, more)) or load(*args, **more))
    cfg = config(root, cache='ram')
    before = copy.deepcopy(cfg)
    arrays_of(cfg, MODELS)
    assert opened == [((str(root / 'imu' / 'c00.npy'), 'r'), {'allow_pickle': False})]
    assert cfg == before


def damaged(root):
    (root / 'imu' / 'c00.npy').write_bytes(b'no array')


def of_objects(root):
    np.save(root / 'imu' / 'c00.npy', np.array([{}]))


def without_table(root):
    (root / 'clips.csv').unlink()


def without_arrays(root):
    for path in (root / 'imu').iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ('broken', 'reason'),
    [
        (damaged, 'c00.npy: not a readable .npy file'),
        (of_objects, 'c00.npy: not a readable .npy file'),
        (without_table, 'clips.csv: no such file'),
        (without_arrays, 'no sample has imu'),
    ],
)
def test_data_that_are_there_and_wrong_are_a_mistake(root, broken, reason):
    broken(root)
    [found] = arrays_of(config(root), MODELS).values()
    assert (found.shape, found.assumed, found.words) == ((24,), True, 'arrays taken as [24], for want of a file')
    assert found.mistake.startswith('train_dataloader.dataset: ')
    assert reason in found.mistake
    assert '\n' not in found.mistake


def test_columns_of_other_names_are_a_mistake(root):
    [found] = arrays_of(config(root, id='{sample}'), MODELS).values()
    assert "id='{sample}' names sample, but the columns are id" in found.mistake


def test_a_data_set_of_ones_own_that_fails_is_no_mistake(root):
    [found] = arrays_of(config(root, type='NoDataSet'), MODELS).values()
    assert (found.assumed, found.mistake) == (True, None)
    assert found.words.startswith('arrays taken as [24]; ')


def test_without_data_the_folder_is_named(tmp_path):
    cfg = config(tmp_path / 'gone')
    found = arrays_of(cfg, MODELS)['imu']
    assert (found.words, found.mistake) == (f'arrays taken as [24]; {tmp_path / "gone"} is not there', None)


@pytest.mark.parametrize(
    ('model', 'shape'),
    [
        (classifier(type='VectorMLP', in_channels=24), (24,)),
        (classifier(type='ResNet18', in_channels=6), (6, 48, 64)),
        (dict(type='TorchvisionModel', name='resnet18', num_classes=3), (3, 48, 64)),
        (classifier(type='NoBackbone', in_channels=5), (5, 48, 64)),
        ({}, (1, 48, 64)),
    ],
)
def test_what_is_assumed_is_what_the_model_takes(model, shape):
    assert assumed_shape(Config(model)._cfg_dict) == shape


def test_arrays_are_those_that_load_array_reads():
    load = dict(type='fdkd.LoadArray', modality='imu')
    pipeline = [dict(type='LoadFrames', modality='image'), dict(type='Cached', modality='imu', transforms=[load])]
    assert array_modalities(pipeline, ['image', 'imu']) == ['imu']
    assert array_modalities([load], ['image']) == []
