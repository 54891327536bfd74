"""What stands in for a sample that cannot be read, and what is never skipped."""

import errno
import zlib

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch.utils.data import DataLoader

from fdkd.datasets import EpochSampler, NYUDepthV2, PairedDataset, SampleKey, collate_pairs
from fdkd.datasets import unreadable as module
from fdkd.datasets.stores import StoreError
from fdkd.errors import ConfigError, DataError
from tests.support.motions import CLASSES, write_motions

CONFIG = 'configs/_base_/datasets/nyu_depth_v2.py'
GAPPY = dict(optional=['depth', 'label'])


def train_set(root, on_error='skip', **settings):
    pipeline = Config.fromfile(CONFIG).train_pipeline
    next(step for step in pipeline if step.type == 'mmseg.Resize').scale = (20, 16)
    return NYUDepthV2(root, 'train', pipeline=pipeline, on_error=on_error, **settings)


def damage(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def keys(epochs=3, samples=4, seed=5):
    return [SampleKey(index, epoch, seed) for epoch in range(epochs) for index in range(samples)]


def same(one, other):
    """Whether two packed samples are the same to the bit, but for what they say of others that cannot be read."""
    assert one['inputs'].keys() == other['inputs'].keys()
    about = [dict(sample['data_samples'].metainfo_items()) for sample in (one, other)]
    for known in about:
        known.pop('unreadable', None)
    pictures = [sample['data_samples'].gt_sem_seg.data for sample in (one, other)]
    tensors = [(one['inputs'][name], other['inputs'][name]) for name in one['inputs']]
    return about[0] == about[1] and all(torch.equal(*pair) for pair in [*tensors, pictures])


def of(sample):
    return sample['data_samples'].metainfo.get('unreadable', {})


def test_nothing_changes_where_everything_can_be_read(nyu_root):
    strict, patient = train_set(nyu_root, 'raise'), train_set(nyu_root)
    for key in keys():
        assert same(strict[key], patient[key])
        assert 'unreadable' not in patient[key]['data_samples'].metainfo


def test_a_damaged_file_raises_or_another_sample_stands_in(nyu_copy):
    damage(nyu_copy / 'rgb' / '0002.jpg')
    strict, patient = train_set(nyu_copy, 'raise'), train_set(nyu_copy)
    with pytest.raises(DataError, match=r'0002.jpg: unreadable or truncated'):
        strict[SampleKey(1, 0, 5)]
    chosen = set()
    for epoch in range(12):
        sample = patient[SampleKey(1, epoch, 5)]
        about = sample['data_samples']
        assert about.sample_id != '0002'
        assert same(sample, strict[SampleKey(about.index, epoch, 5)])  # just as when its own turn comes
        assert list(of(sample)) == ['0002']
        assert '0002.jpg: unreadable or truncated image' in of(sample)['0002']
        assert of(sample)['0002'].endswith('; others stand in for it')
        chosen.add(about.sample_id)
    assert chosen == {'0001', '0003', '0004'}
    for key in keys():
        if key.index != 1:
            assert same(patient[key], strict[key])


def test_the_choice_follows_from_seed_epoch_and_place_alone(nyu_copy):
    damage(nyu_copy / 'rgb' / '0002.jpg')
    dataset, again = train_set(nyu_copy), train_set(nyu_copy)
    forth = [dataset[key] for key in keys()]
    back = [again[key] for key in reversed(keys())][::-1]
    assert all(map(same, forth, back))
    seeds = [[dataset[SampleKey(1, epoch, seed)]['data_samples'].index for epoch in range(8)] for seed in (5, 6)]
    assert seeds[0] != seeds[1]


def test_workers_change_nothing(nyu_copy):
    damage(nyu_copy / 'rgb' / '0002.jpg')
    dataset, batches = train_set(nyu_copy), []
    for workers in (0, 2):
        loader = DataLoader(dataset, 2, sampler=EpochSampler(dataset, seed=5), num_workers=workers,
                            collate_fn=collate_pairs)  # fmt: skip
        batches.append(list(loader))
    told = []
    for alone, shared in zip(*batches, strict=True):
        assert len(alone['data_samples']) == 2
        for one, other in zip(alone['data_samples'], shared['data_samples'], strict=True):
            assert one.metainfo == other.metainfo
        for name in alone['inputs']:
            assert all(map(torch.equal, alone['inputs'][name], shared['inputs'][name]))
        told += [sample.metainfo.get('unreadable') for sample in shared['data_samples']]
    assert [list(entry) for entry in told if entry] == [['0002']]


@pytest.mark.parametrize(('part', 'file'), [('depth', 'depth/0003.png'), ('label', 'label40/0003.png')])
def test_what_is_optional_is_as_good_as_absent(nyu_copy, part, file):
    path = nyu_copy / file
    damage(path)
    strict, patient = train_set(nyu_copy, 'raise', **GAPPY), train_set(nyu_copy, **GAPPY)
    with pytest.raises(DataError, match=file):
        strict[SampleKey(2, 0, 5)]
    damaged = [patient[SampleKey(2, epoch, 5)] for epoch in range(3)]
    path.unlink()
    absent = train_set(nyu_copy, 'raise', **GAPPY)
    for epoch, sample in enumerate(damaged):
        assert same(sample, absent[SampleKey(2, epoch, 5)])
        assert part not in sample['data_samples'].present
        assert of(sample)['0003'].endswith(f'; used without its {part}')


def test_without_being_optional_the_whole_sample_is_replaced(nyu_copy):
    damage(nyu_copy / 'depth' / '0003.png')
    assert train_set(nyu_copy)[SampleKey(2, 0, 5)]['data_samples'].sample_id != '0003'


def test_a_broken_student_file_is_no_gap_of_the_teacher(nyu_copy):
    damage(nyu_copy / 'rgb' / '0003.jpg')
    sample = train_set(nyu_copy, **GAPPY)[SampleKey(2, 0, 5)]
    assert sample['data_samples'].sample_id != '0003'
    assert of(sample)['0003'].endswith('; others stand in for it')


def test_stand_ins_that_fail_as_well_are_told_and_passed_over(nyu_copy):
    for name in ('0001', '0002', '0003'):
        damage(nyu_copy / 'rgb' / f'{name}.jpg')
    dataset, told = train_set(nyu_copy), set()
    for epoch in range(8):
        sample = dataset[SampleKey(1, epoch, 0)]
        assert sample['data_samples'].sample_id == '0004'
        assert next(iter(of(sample))) == '0002'
        told |= of(sample).keys()
    assert told == {'0001', '0002', '0003'}


def test_the_search_is_bounded(nyu_copy, monkeypatch):
    for name in ('0001', '0002', '0003'):
        damage(nyu_copy / 'rgb' / f'{name}.jpg')
    monkeypatch.setattr(module, 'STAND_INS', 1)
    dataset = train_set(nyu_copy)
    outcomes = []
    for epoch in range(12):
        try:
            outcomes.append(list(of(dataset[SampleKey(0, epoch, 0)])))
        except DataError as error:
            outcomes.append(sorted(name for name in ('0001', '0002', '0003') if name in str(error)))
    assert {len(names) for names in outcomes} == {1, 2}  # with 0004 in its place, or after one other that failed too


def test_a_split_of_which_nothing_can_be_read_is_an_error_that_lists_what_was_tried(nyu_copy):
    for path in (nyu_copy / 'rgb').iterdir():
        damage(path)
    with pytest.raises(DataError, match=r'NYUDepthV2 train: a sample cannot be read, nor any of the others') as caught:
        train_set(nyu_copy)[SampleKey(0, 0, 0)]
    assert all(f'{name}.jpg: unreadable' in str(caught.value) for name in ('0001', '0002', '0003', '0004'))


@pytest.mark.parametrize('kind', ['ram', 'disk'])
@pytest.mark.parametrize('views', [None, dict(depth=2)])
def test_caches_change_nothing(nyu_copy, tmp_path, kind, views):
    damage(nyu_copy / 'rgb' / '0001.jpg')  # also one of those whose size is taken as an estimate
    damage(nyu_copy / 'depth' / '0003.png')
    plain = train_set(nyu_copy, views=views, **GAPPY)
    kept = train_set(nyu_copy, views=views, cache=kind, cache_folder=str(tmp_path / 'kept'), **GAPPY)
    for key in keys():
        one, other = plain[key], kept[key]
        assert same(one, other)
        assert of(one) == of(other)
        assert bool(of(one)) == (key.index in (0, 2))
        about = one['data_samples']
        assert about.view == (key.epoch % 2 if views else 0)
        assert about.index == int(about.sample_id) - 1  # the place of the one that stands in


def test_the_estimate_of_a_cache_in_memory_needs_one_sample_that_can_be_read(nyu_copy):
    for name in ('0001', '0003', '0004'):
        damage(nyu_copy / 'rgb' / f'{name}.jpg')
    with pytest.raises(DataError, match=r'NYUDepthV2 train: none of 3 samples .* can be read'):
        train_set(nyu_copy, cache='ram')
    with pytest.raises(DataError, match=r'0001.jpg: unreadable'):
        train_set(nyu_copy, 'raise', cache='ram')


def failing(error):
    """A step that fails on sample 0002 alone."""

    def step(results):
        if results['sample_id'] == '0002':
            raise error
        return results

    return step


def with_step(root, step):
    dataset = train_set(root)
    dataset.pipeline.transforms.insert(0, step)
    return dataset


@pytest.mark.parametrize('error', [OSError(errno.EIO, 'disk'), EOFError('end'), zlib.error('bad'), DataError('odd')])
def test_what_decoders_raise_is_skipped(nyu_root, error):
    sample = with_step(nyu_root, failing(error))[SampleKey(1, 0, 0)]
    assert str(error) in of(sample)['0002']


def raised_from(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    'error',
    [
        ValueError('shapes do not fit'),
        KeyError('img'),
        ConfigError('no step reads it'),
        MemoryError(),
        StoreError('no room'),
        OSError(errno.EMFILE, 'too many open files'),
        OSError(errno.EDQUOT, 'quota'),
        OSError(errno.ESTALE, 'stale'),
        OSError(errno.ETIMEDOUT, 'time'),
        raised_from(DataError('0002.jpg: unreadable'), OSError(errno.EMFILE, 'too many open files')),
        raised_from(DataError('0002.jpg: unreadable'), MemoryError()),
    ],
    ids=repr,
)
def test_mistakes_in_code_and_faults_of_the_machine_are_never_skipped(nyu_root, error):
    with pytest.raises(type(error)) as caught:
        with_step(nyu_root, failing(error))[SampleKey(1, 0, 0)]
    assert caught.value is error


def test_a_cache_on_disk_that_cannot_be_written_is_no_unreadable_sample(nyu_root, tmp_path):
    (tmp_path / 'file').touch()
    dataset = train_set(nyu_root, cache='disk', cache_folder=str(tmp_path / 'file'))
    with pytest.raises(StoreError, match='cannot keep results there'):
        dataset[SampleKey(0, 0, 0)]


def test_classification_with_files_and_gaps(tmp_path):
    root = write_motions(tmp_path / 'motions')
    pipeline = [dict(type='LoadFrames', modality='image'), dict(type='LoadArray', modality='imu')]

    def build(on_error='skip'):
        return PairedDataset(
            root, 'train', annotations='clips.csv', classes=CLASSES, on_error=on_error, optional=['imu', 'label'],
            sources=dict(image='image/{id}.png', imu='imu/{id}.npy'),
            pipeline=[*pipeline, dict(type='PackClassification')],
        )  # fmt: skip

    (root / 'image' / 'c03.png').write_bytes(b'no picture')
    np.save(root / 'imu' / 'c04.npy', np.full((6, 20), np.nan, np.float32))
    dataset = build()
    replaced, gap = dataset[SampleKey(3, 1, 2)], dataset[SampleKey(4, 1, 2)]
    assert replaced['data_samples'].sample_id != 'c03'
    assert replaced['data_samples'].gt_label == replaced['data_samples'].index % 3  # its own label, not the other's
    assert gap['data_samples'].present == ('image', 'label')
    assert gap['data_samples'].gt_label == 1
    assert list(gap['inputs']) == ['image']
    assert 'not finite' in of(gap)['c04']


def test_an_evaluation_never_skips(nyu_root):
    with pytest.raises(ConfigError, match=r"NYUDepthV2 test: on_error='skip' with test_mode=True"):
        NYUDepthV2(nyu_root, 'test', test_mode=True, on_error='skip')


def test_other_words_are_refused(nyu_root):
    with pytest.raises(ConfigError, match=r"on_error='ignore', expected 'raise' or 'skip'"):
        train_set(nyu_root, 'ignore')
