"""Augmentation depends on (seed, epoch, sample id) and on nothing else."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from fdkd.datasets import EpochSampler, NYUDepthV2, SampleKey
from fdkd.datasets.base import seeded
from fdkd.errors import ConfigError, DataError

CONFIG = Path(__file__).parents[2] / 'configs' / '_base_' / 'datasets' / 'nyu_depth_v2.py'


def train_set(root, **settings):
    """The training set with the configured pipeline at a small size, and a crop, which draws more numbers."""
    pipeline = Config.fromfile(CONFIG).train_pipeline
    next(step for step in pipeline if step.type == 'mmseg.Resize').scale = (20, 16)
    pipeline.insert(4, dict(type='mmseg.RandomCrop', crop_size=(8, 10)))
    return NYUDepthV2(root, 'train', pipeline=pipeline, **settings)


def tensors(sample):
    return [sample['inputs']['rgb'], sample['inputs']['depth'], sample['data_samples'].gt_sem_seg.data]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(tensors(one), tensors(other), strict=True))


def unbatched(batch):
    pairs = zip(batch['inputs']['rgb'], batch['inputs']['depth'], batch['data_samples'], strict=True)
    return [{'inputs': {'rgb': rgb, 'depth': depth}, 'data_samples': sample} for rgb, depth, sample in pairs]


def global_states():
    return random.getstate(), np.random.get_state()[1:3], torch.get_rng_state()


def assert_undisturbed(before):
    after = global_states()
    assert after[0] == before[0]
    assert np.array_equal(after[1][0], before[1][0])
    assert after[1][1] == before[1][1]
    assert torch.equal(after[2], before[2])


def draw():
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_the_same_key_gives_the_same_sample_whatever_was_drawn_before(nyu_root):
    dataset = train_set(nyu_root)
    keys = [SampleKey(index, epoch, seed=3) for epoch in range(3) for index in range(4)]
    first = {key: dataset[key] for key in keys}
    for seed, key in enumerate(reversed(keys)):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        assert same(dataset[key], first[key])


def test_workers_change_nothing(nyu_root):
    dataset = train_set(nyu_root)
    batches = []
    for workers in (0, 2):
        sampler = EpochSampler(dataset, seed=5)
        loader = DataLoader(
            dataset, 2, sampler=sampler, num_workers=workers, collate_fn=pseudo_collate, persistent_workers=workers > 0
        )
        batches.append([])
        for epoch in range(2):
            sampler.set_epoch(epoch)
            batches[-1] += list(loader)
    for alone, shared in zip(*batches, strict=True):
        for one, other in zip(unbatched(alone), unbatched(shared), strict=True):
            assert one['data_samples'].sample_id == other['data_samples'].sample_id
            assert same(one, other)


@pytest.mark.parametrize('other', [SampleKey(0, 2, 7), SampleKey(0, 1, 8), SampleKey(1, 1, 7)])
def test_another_epoch_seed_or_id_augments_otherwise(nyu_copy, other):
    for kind, suffix in (('rgb', 'jpg'), ('depth', 'png'), ('label40', 'png')):  # the same frame under a second id
        shutil.copy(nyu_copy / kind / f'0001.{suffix}', nyu_copy / kind / f'0002.{suffix}')
    dataset = train_set(nyu_copy)
    assert not same(dataset[SampleKey(0, 1, 7)], dataset[other])


def test_augmenting_leaves_the_global_generators_alone(nyu_root):
    dataset = train_set(nyu_root)
    before = global_states()
    dataset[SampleKey(0, 0, 0)]
    assert_undisturbed(before)


def test_a_failing_transform_leaves_the_global_generators_alone():
    before = global_states()

    def fail():
        with seeded(0, 0, 'a'):
            draw()
            raise DataError('damaged')

    with pytest.raises(DataError, match='damaged'):
        fail()
    assert_undisturbed(before)


def test_every_global_generator_follows_the_key():
    def numbers(*key):
        with seeded(*key):
            return draw()

    reference = numbers(1, 2, 'a')
    assert numbers(1, 2, 'a') == reference
    for key in ((2, 1, 'a'), (0, 2, 'a'), (1, 3, 'a'), (1, 2, 'b')):
        assert not set(numbers(*key)) & set(reference)


def test_a_bare_index_is_epoch_0_of_seed_0(nyu_root):
    dataset = train_set(nyu_root)
    assert same(dataset[2], dataset[SampleKey(2, 0, 0)])


def test_indices_choose_samples(nyu_root):
    def ids(indices):
        dataset = NYUDepthV2(nyu_root, 'train', indices=indices)
        return [dataset.get_data_info(index)['sample_id'] for index in range(len(dataset))]

    assert ids(2) == ['0001', '0002']
    assert ids([3, 0]) == ['0004', '0001']


def test_transforms_may_draw_from_any_global_generator(nyu_root):
    dataset = NYUDepthV2(nyu_root, 'train', pipeline=[lambda results: draw()])
    one, again, other = (dataset[SampleKey(0, epoch, 0)] for epoch in (0, 0, 1))
    assert one == again
    assert not set(one) & set(other)


@pytest.mark.parametrize('modalities', [['rgb', 'thermal'], []])
def test_modalities_that_the_data_set_lacks_are_refused(nyu_root, modalities):
    with pytest.raises(DataError, match=r"NYUDepthV2: asked for the modalities \[.*\], expected some of \['rgb', 'dep"):
        NYUDepthV2(nyu_root, 'train', modalities=modalities)


def test_steps_of_a_modality_that_is_not_loaded_are_not_built(nyu_root):
    steps = [dict(type='LoadArray', modality='depth'), dict(type='NoSuchStep', modality='rgb')]
    dataset = NYUDepthV2(nyu_root, 'train', modalities=['depth'], pipeline=steps)
    assert [type(step).__name__ for step in dataset.pipeline.transforms] == ['LoadArray']


def test_a_modality_that_is_named_twice_is_loaded_once(nyu_root):
    dataset = NYUDepthV2(nyu_root, 'train', modalities=['depth', 'depth'], optional=['depth', 'label'])
    assert dataset.modalities == ('depth',)
    assert dataset.get_data_info(0)['present'] == ('depth', 'label')


def test_a_modality_that_is_loaded_alone_is_not_optional(nyu_copy):
    (nyu_copy / 'depth' / '0002.png').unlink()
    (nyu_copy / 'label40' / '0003.png').unlink()
    with pytest.raises(DataError, match=r'train.txt names 1 files that do not exist: .*0002.png'):
        NYUDepthV2(nyu_copy, 'train', modalities=['depth', 'depth'], optional=['depth', 'label'])
    gappy = NYUDepthV2(nyu_copy, 'train', modalities=['rgb', 'depth'], optional=['depth', 'label'])
    assert [gappy.get_data_info(index)['present'] for index in (1, 2)] == [('rgb', 'label'), ('rgb', 'depth')]


def test_a_sample_says_its_place_and_its_view(nyu_root):
    dataset = train_set(nyu_root, indices=[3, 1])
    for index, sample_id in enumerate(('0004', '0002')):
        sample = dataset[SampleKey(index, 5, 0)]['data_samples']
        assert (sample.sample_id, sample.index, sample.view) == (sample_id, index, 0)
    views = train_set(nyu_root, views=dict(depth=3))
    assert [views[SampleKey(1, epoch, 0)]['data_samples'].view for epoch in range(5)] == [0, 1, 2, 0, 1]


def test_without_views_one_stream_of_numbers_goes_through_the_pipeline(nyu_root):
    dataset = train_set(nyu_root)
    info = dataset.get_data_info(1)
    with seeded(4, 2, info['sample_id']):
        expected = dataset.pipeline(info)
    assert same(dataset[SampleKey(1, 2, 4)], expected)


def test_views_repeat_the_geometry_and_draw_the_colours_anew(nyu_root):
    dataset = train_set(nyu_root, views=dict(depth=3))
    rgb, depth, label = zip(*(tensors(dataset[SampleKey(0, epoch, 7)]) for epoch in range(9)), strict=True)
    for repeated in (depth, label):
        assert all(torch.equal(repeated[epoch], repeated[epoch % 3]) for epoch in range(9))
        assert not any(torch.equal(repeated[0], repeated[epoch]) for epoch in (1, 2))
    assert len({x.numpy().tobytes() for x in rgb}) == 9
    assert not torch.equal(depth[0], tensors(dataset[SampleKey(0, 0, 8)])[1])


def test_views_of_the_camera_repeat_its_colours_too(nyu_root):
    dataset = train_set(nyu_root, views=dict(rgb=2))
    samples = [dataset[SampleKey(0, epoch, 7)] for epoch in range(4)]
    assert same(samples[0], samples[2])
    assert same(samples[1], samples[3])
    assert not same(samples[0], samples[1])


def test_what_one_step_draws_does_not_shift_another(nyu_root):
    def drawn(count):
        steps = [lambda results: results | {'other': np.random.rand(count)}, draw_into]
        return NYUDepthV2(nyu_root, 'train', pipeline=steps, views=dict(depth=2))[SampleKey(0, 1, 0)]['drawn']

    assert drawn(1) == drawn(5)


def draw_into(results):
    return results | {'drawn': draw()}


@pytest.mark.parametrize('views', [dict(depth=0), dict(depth=1.5), dict(rgb=2, depth=2), dict(thermal=2), 4])
def test_views_that_cannot_be_meant_are_refused(nyu_root, views):
    with pytest.raises(ConfigError, match=r"NYUDepthV2: views=.*expected one modality of \['rgb', 'depth'\]"):
        train_set(nyu_root, views=views)


def test_random_steps_are_those_that_may_change_the_modality(nyu_root):
    dataset = train_set(nyu_root)
    assert dataset.random_steps('depth') == ['RandomCrop', 'RandomFlip']
    assert dataset.random_steps('rgb') == ['RandomCrop', 'RandomFlip', 'RandomHSV']
    pipeline = [
        dict(type='Augment', modality='rgb', transform='RandomCrop', size=(4, 4)),
        dict(type='Augment', modality='rgb', transform='Resize', size=(4, 4)),
        dict(type='LoadFrames', modality='rgb', pick='random'),
        dict(type='AddNoise', modality='depth', snr_db=0),
        draw_into,
    ]
    dataset = NYUDepthV2(nyu_root, 'train', pipeline=pipeline)
    assert dataset.random_steps('rgb') == ['Augment(RandomCrop)', 'LoadFrames', 'draw_into']
    assert dataset.random_steps('depth') == ['draw_into']


def settings(kind, tmp_path):
    return dict(cache=kind, cache_folder=str(tmp_path / 'cache'))


@pytest.mark.parametrize('kind', ['ram', 'disk'])
@pytest.mark.parametrize('views', [None, dict(depth=2)])
def test_a_cache_changes_nothing(nyu_root, tmp_path, kind, views):
    plain = train_set(nyu_root, views=views)
    cached = train_set(nyu_root, views=views, **settings(kind, tmp_path))
    assert [type(step).__name__ for step in cached.prefix.steps] == ['LoadRGB', 'LoadDepth', 'LoadLabelMap', 'Resize']
    for epoch in range(3):
        for index in range(len(plain)):
            one, other = (dataset[SampleKey(index, epoch, 3)] for dataset in (plain, cached))
            assert same(one, other)
            assert one['data_samples'].metainfo == other['data_samples'].metainfo
            assert type(one['data_samples'].img_shape) is type(other['data_samples'].img_shape)


@pytest.mark.parametrize('kind', ['ram', 'disk'])
def test_a_cache_is_filled_by_workers_for_all(nyu_copy, tmp_path, kind):
    expected = [train_set(nyu_copy)[SampleKey(index, 1, 3)] for index in range(4)]
    dataset = train_set(nyu_copy, **settings(kind, tmp_path))
    loader = DataLoader(dataset, 1, num_workers=2, collate_fn=pseudo_collate)
    assert len(list(loader)) == 4
    for step in dataset.prefix.steps:
        step.transform = None  # whatever is computed from here on fails
    assert all(same(dataset[SampleKey(index, 1, 3)], expected[index]) for index in range(4))


def test_a_disk_cache_notices_a_changed_file_and_knows_samples_by_what_they_are(nyu_copy, tmp_path):
    first = train_set(nyu_copy, **settings('disk', tmp_path))
    for index in range(4):
        first[index]
    shutil.copy(nyu_copy / 'depth' / '0001.png', nyu_copy / 'depth' / '0002.png')
    chosen = train_set(nyu_copy, indices=[3, 1], **settings('disk', tmp_path))
    plain = train_set(nyu_copy, indices=[3, 1])
    assert all(same(chosen[index], plain[index]) for index in range(2))
    assert chosen[1]['data_samples'].index == 1


def test_what_a_ram_cache_takes_is_said(nyu_root, tmp_path, monkeypatch):
    pipeline = Config.fromfile(CONFIG).train_pipeline  # 640x480: rgb, depth and label are 3 + 4 + 1 bytes a pixel
    dataset = NYUDepthV2(nyu_root, 'train', pipeline=pipeline, cache='ram')
    assert dataset.notices == ["NYUDepthV2 train: cache='ram' takes about 0.01 GiB of memory"]
    assert dataset.prefix.bytes == pytest.approx(4 * 8 * 640 * 480, rel=1e-3)
    monkeypatch.setattr('fdkd.datasets.prefix.available_memory', lambda: 13_000_000)  # of which a fifth is left alone
    assert NYUDepthV2(nyu_root, 'train', pipeline=pipeline, cache='ram')
    monkeypatch.setattr('fdkd.datasets.prefix.available_memory', lambda: 12_000_000)
    with pytest.raises(ConfigError, match=r'takes 0.0 GiB, and 0.0 GiB are left: take'):
        NYUDepthV2(nyu_root, 'train', pipeline=pipeline, cache='ram')
    monkeypatch.setattr('fdkd.datasets.prefix.available_memory', lambda: 13_000_000)
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '2')
    with pytest.raises(ConfigError, match=r'takes 0.0 GiB, and 0.0 GiB are left for each of 2 processes: take'):
        NYUDepthV2(nyu_root, 'train', pipeline=pipeline, cache='ram')


def test_a_pipeline_that_begins_with_random_numbers_is_not_kept(nyu_root, tmp_path):
    dataset = NYUDepthV2(nyu_root, 'train', pipeline=[draw_into], **settings('disk', tmp_path))
    assert 'drawn' in dataset[0]
    assert dataset.notices[0].startswith("NYUDepthV2 train: cache='disk' keeps nothing")
    with pytest.raises(ConfigError, match="cache='memory', expected None, 'ram' or 'disk'"):
        train_set(nyu_root, cache='memory')
