"""Taps of trained models over a split: whose rows, in which order, through which pipeline."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fdkd.apis.config import load_config
from fdkd.apis.features import TrainedModel, common, feature_batches, read_features, split_loader
from fdkd.apis.options import RunOptions
from fdkd.errors import CheckpointError, ConfigError, DataError
from fdkd.registry import MODELS
from tests.support.motions import read_table, write_configs, write_motions, write_table

TRAIN, TEST = [f'c{number:02d}' for number in range(12)], [f'c{number:02d}' for number in range(12, 18)]


@pytest.fixture
def root(tmp_path):
    return write_motions(tmp_path / 'motions')


@pytest.fixture
def config(tmp_path, root):
    return write_configs(tmp_path, root, method='feat')


@pytest.fixture
def cfg(config):
    return load_config(config, RunOptions())


def checkpoint(tmp_path, modality, channels):
    """A model as drawn, in the form of a student file."""
    torch.manual_seed(channels)
    backbone = dict(type='ResNet18', in_channels=channels)
    model = MODELS.build(dict(type='Classifier', backbone=backbone, num_classes=3)).eval()
    path = tmp_path / f'{modality}.pth'
    torch.save({'state_dict': model.state_dict(), 'meta': {'modality': modality, 'classes': ['a', 'b', 'c']}}, path)
    return path, model


@pytest.fixture
def imu(tmp_path):
    return checkpoint(tmp_path, 'imu', 1)


@pytest.fixture
def image(tmp_path):
    return checkpoint(tmp_path, 'image', 3)


def test_rows_are_what_the_model_computes_sample_by_sample(cfg, root, imu):
    path, model = imu
    features = read_features(cfg, path, ('feat', 'logits', 'map', 'stages'), role='teacher')
    assert (features.ids, features.modality, features.classes) == (tuple(TEST), 'imu', ('sit', 'walk', 'run'))
    assert features.labels.tolist() == [number % 3 for number in range(12, 18)]
    for row, name in enumerate(TEST):
        reading = torch.from_numpy(np.load(root / 'imu' / f'{name}.npy'))[None, None]
        with torch.no_grad():
            expected = model.backbone(reading)
            assert torch.allclose(features.taps['map'][row], expected[0], atol=1e-5)
            assert torch.allclose(features.taps['feat'][row], expected.mean((0, 2, 3)), atol=1e-5)
            assert torch.allclose(features.taps['logits'][row], model(reading)[0], atol=1e-5)
    assert [len(stage) for stage in features.taps['stages']] == [6] * 4
    assert torch.equal(features.taps['stages'][-1], features.taps['map'])


def test_unimodal_config_and_pair_read_the_same_model_alike(config, cfg, imu, image):
    alone = read_features(load_config(config.with_name('imu.py'), RunOptions()), imu[0])
    teacher, student = read_features(cfg, imu[0], role='teacher'), read_features(cfg, image[0])
    assert torch.equal(alone.taps['feat'], teacher.taps['feat'])
    assert student.modality == 'image'
    assert alone.ids == student.ids


def test_training_split_is_in_order_whole_and_not_augmented(cfg, image):
    flip = dict(type='Augment', modality='image', transform='RandomHorizontalFlip', p=1.0)
    cfg.train_dataloader.dataset.pipeline = [*cfg.train_dataloader.dataset.pipeline[:-1], flip]
    cfg.train_dataloader.batch_size = 5
    before = cfg.to_dict()
    features = read_features(cfg, image[0], split='train')
    assert features.ids == tuple(TRAIN)
    cfg.test_dataloader.dataset.split = 'train'
    assert torch.equal(features.taps['feat'], read_features(cfg, image[0]).taps['feat'])
    cfg.test_dataloader.dataset.split = 'test'
    assert cfg.to_dict() == before


def test_batches_do_not_matter(cfg, image):
    whole = read_features(cfg, image[0])
    cfg.test_dataloader.batch_size = 4
    parts = read_features(cfg, image[0])
    assert parts.ids == whole.ids
    assert torch.allclose(parts.taps['feat'], whole.taps['feat'], atol=1e-5)


def test_validation_is_read_where_there_is_some(cfg, image):
    with pytest.raises(ConfigError, match="validates on the test split 'test'"):
        read_features(cfg, image[0], split='val')
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.validation = 0.25
    cfg.val_dataloader.dataset.split = 'val'
    held, rest = (read_features(cfg, image[0], split=split).ids for split in ('val', 'train'))
    assert len(held) == 3
    assert sorted(held + rest) == TRAIN


def both(cfg, image, imu):
    models = [TrainedModel(cfg, path, role=role) for role, (path, _) in (('student', image), ('teacher', imu))]
    return list(feature_batches(models, split_loader(cfg, 'train', ['image', 'imu']), 'reading'))


def test_both_models_are_read_for_the_samples_that_have_both(cfg, root, imu, image):
    rows = read_table(root)
    rows[5]['label'] = ''
    write_table(root, rows)
    student, teacher = (
        read_features(cfg, path, split='train', role=role)
        for path, role in ((image[0], 'student'), (imu[0], 'teacher'))
    )
    assert student.ids == teacher.ids
    assert student.labels.tolist() == [-1 if number == 5 else number % 3 for number in range(12)]
    (root / 'imu' / 'c03.npy').unlink()
    kept = [number for number in range(12) if number != 3]
    batches = both(cfg, image, imu)
    assert [name for batch in batches for name in batch.ids] == [TRAIN[number] for number in kept]
    assert torch.equal(torch.cat([batch.labels for batch in batches]), student.labels[kept])
    for number, model in enumerate((student, teacher)):
        read = torch.cat([batch.features[number]['feat'] for batch in batches])
        assert torch.allclose(read, model.taps['feat'][kept], atol=1e-5)
    with pytest.raises(DataError, match='c03'):
        read_features(cfg, imu[0], split='train', role='teacher')


def test_pairs_that_training_mixes_up_are_read_as_they_belong_together(cfg, image, imu):
    expected = both(cfg, image, imu)[0].features[1]['feat']
    cfg.train_dataloader.dataset.mispair = dict(imu='any')
    assert torch.equal(both(cfg, image, imu)[0].features[1]['feat'], expected)


def test_what_training_repeats_or_keeps_is_nothing_to_a_reader(cfg, image, imu):
    expected = both(cfg, image, imu)[0].features[0]['feat']
    cfg.train_dataloader.dataset.update(views=dict(imu=2), cache='ram', on_error='skip')
    assert torch.equal(both(cfg, image, imu)[0].features[0]['feat'], expected)
    assert len(split_loader(cfg, 'train', ['image']).dataset) == 12  # views of a modality that is not read


def test_a_batch_without_a_pair_is_left_out(cfg, root, imu, image):
    cfg.test_dataloader.batch_size = 4
    for number in range(4):
        (root / 'imu' / f'c{number:02d}.npy').unlink()
    batches = both(cfg, image, imu)
    assert [batch.ids for batch in batches] == [TRAIN[4:8], TRAIN[8:]]


def test_common_keeps_what_both_have(cfg, image):
    features = read_features(cfg, image[0])
    assert common(features, replace(features, modality='imu'))[0] is features
    reordered = [4, 1, 3]
    part = replace(
        features,
        ids=tuple(features.ids[row] for row in reordered),
        labels=features.labels[reordered],
        taps={'feat': features.taps['feat'][reordered]},
    )
    a, b = common(features, part)
    assert a.ids == b.ids == tuple(features.ids[row] for row in sorted(reordered))
    assert torch.equal(a.taps['feat'], features.taps['feat'][sorted(reordered)])
    assert torch.equal(b.taps['feat'], a.taps['feat'])
    assert torch.equal(b.labels, a.labels)
    with pytest.raises(DataError, match='without a sample in common'):
        common(features, replace(features, ids=tuple('abcdef')))


def test_checkpoint_of_another_modality_is_refused(cfg, imu):
    with pytest.raises(CheckpointError, match="'imu', expected 'image'"):
        read_features(cfg, imu[0])


def test_unimodal_config_has_no_teacher(config, imu):
    with pytest.raises(ConfigError, match='SingleModality, which has no teacher'):
        read_features(load_config(config.with_name('imu.py'), RunOptions()), imu[0], role='teacher')


def test_unknown_tap_is_refused(cfg, image):
    with pytest.raises(ConfigError, match=r"no tap 'backbone\.layer9'"):
        read_features(cfg, image[0], ('backbone.layer9',))


def test_maps_of_dense_prediction_stay_maps(nyu_root, tmp_path):
    options = RunOptions(data_root=str(nyu_root), size=(32, 24), pretrained='none', workers=0)
    cfg = load_config('configs/fdkd/nyu_rgb_from_depth.py', options)
    torch.manual_seed(0)
    torch.save(MODELS.build(cfg.model.student.model).state_dict(), tmp_path / 'student.pth')
    features = read_features(cfg, tmp_path / 'student.pth', options=options)
    assert features.ids == ('0005', '0006', '0007')
    assert features.labels is None
    assert features.taps['feat'].shape[:2] == (3, 512)
    assert features.taps['feat'].ndim == 4
    assert features.taps['feat'].min() < 0  # before the ReLU
