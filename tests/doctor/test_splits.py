"""Which splits are read, with all that a config leaves out, and what may be missing."""

import numpy as np
import pytest
from mmengine.dataset import BaseDataset

from fdkd.apis.check_data import examine
from fdkd.datasets.base import MultimodalDataset
from fdkd.doctor.splits import find_splits
from fdkd.errors import ConfigError
from fdkd.registry import DATASETS
from tests.doctor.conftest import CLIPS, ROOMS, ROWS, check, config, found, write_rows


def names(cfg):
    return [split.name for split in find_splits(cfg)[0]]


def test_splits_that_only_the_table_knows_are_read_too(clips):
    assert names(config(clips, CLIPS, ['train'])) == ['train', 'test']
    write_rows(clips, [*ROWS[:4], ('e', 'cat', 'val'), ('f', 'dog', 'extra')])
    assert names(config(clips, CLIPS, ['train', 'val'], splits=['train', 'val', 'extra'])) == ['train', 'val', 'extra']


def test_the_part_that_is_held_out_is_read_once(clips):
    cfg = config(clips, CLIPS, ['train'], validation=0.5)
    splits, _ = find_splits(cfg)
    assert {split.name: len(split.dataset) for split in splits} == {'train': 2, 'test': 2, 'val': 2}
    cfg = config(clips, CLIPS)
    cfg.train_dataloader.dataset.validation = 0.5
    assert names(cfg) == ['train', 'test', 'val']


def test_one_split_that_two_loaders_name_is_read_once(clips):
    cfg = config(clips, CLIPS)
    cfg.val_dataloader = cfg.test_dataloader
    assert names(cfg) == ['train', 'test']


def test_another_data_set_with_a_split_of_that_name_is_read_as_well(clips, nyu_root):
    cfg = config(clips, CLIPS)
    cfg.val_dataloader = config(nyu_root, ROOMS, ['train']).train_dataloader
    assert names(cfg) == ['train', 'train of val_dataloader', 'test']


def test_what_a_config_leaves_out_is_read_all_the_same(clips):
    cfg = config(clips, CLIPS, indices=1, modalities=['imu'], mispair={'imu': 'any'}, cache='ram', views={'imu': 2})
    train = find_splits(cfg)[0][0].dataset
    assert len(train) == 4
    assert train.modalities == ('audio', 'noisy', 'visual', 'imu')
    assert train.get_data_info(0)['imu'].endswith('a.npy')
    assert train.prefix is None


def test_results_come_from_files_and_not_from_a_cache(clips, tmp_path):
    cached = {
        'type': 'Cached',
        'modality': 'imu',
        'folder': str(tmp_path / 'cache'),
        'transforms': [CLIPS['pipeline'][4]],
    }
    pipeline = [*CLIPS['pipeline'][:4], cached]
    assert check(clips, CLIPS, pipeline=pipeline).findings == []
    assert not (tmp_path / 'cache').exists()
    (clips / 'imu' / 'a.npy').write_text('none')
    assert ('error', 'train', 'a', 'imu', 'imu/a.npy', 'unreadable') in found(check(clips, CLIPS, pipeline=pipeline))


def test_a_list_that_cannot_be_used_is_an_error_of_its_split_with_every_problem(clips):
    write_rows(clips, [('a', 'cow', 'train'), *ROWS[1:], ROWS[1]])
    report = check(clips, CLIPS)
    assert [one[:6] for one in report.findings] == [('error', 'train, test', '', '', '', 'listing')] * 2
    assert [one.value for one in report.findings] == [
        f"{clips / 'clips.csv'}, line 2 (a): label 'cow' is none of the 2 classes",
        f'{clips / "clips.csv"}: 1 ids stand more than once in a split: b',
    ]


def test_a_mistake_of_one_split_keeps_no_other_from_being_read(clips):
    write_rows(clips, [('a', 'cat', 'train'), ('c', 'cat', 'train'), *ROWS[4:]])
    report = check(clips, CLIPS)
    assert [(one.split, one.value.partition(': ')[2]) for one in report.findings] == [
        ('train', 'no training sample shows 1 of 2 classes: dog')
    ]
    assert [tally.name for tally in report.tallies] == ['test']


def test_a_split_that_nobody_trains_on_may_be_absent(nyu_root, clips):
    report = check(clips, CLIPS, ['train'], splits=['train', 'test', 'val'])
    assert found(report) == {('warning', 'val', '', '', '', 'listing')}
    assert report.verdict == 'warnings'
    assert check(nyu_root, ROOMS, ['train', 'val']).verdict == 'errors'


@pytest.mark.parametrize(
    ('changes', 'severity'),
    [
        ({}, 'error'),
        ({'optional': ['imu']}, 'warning'),
        ({'missing': 'skip'}, 'warning'),
        ({'modalities': ['audio']}, 'warning'),
    ],
)
def test_a_gap_is_an_error_where_the_config_has_none(clips, changes, severity):
    (clips / 'imu' / 'b.npy').unlink()
    assert found(check(clips, CLIPS, **changes)) == {(severity, 'train', 'b', 'imu', '', 'missing')}


def test_samples_without_any_file_are_counted(clips):
    for path in (clips / 'audio' / 'b.wav', clips / 'imu' / 'b.npy', *(clips / 'frames' / 'b').iterdir()):
        path.unlink()
    (clips / 'frames' / 'b').rmdir()
    report = check(clips, CLIPS)
    assert ('error', 'train', '', '', '', 'missing') in found(report)
    assert report.tallies[0].samples == 3


def stacked(root, *named, preprocessor='MultimodalPreprocessor', batch_size=8, collate=None, limits=None, **changes):
    """What batches take as it is, by split."""
    cfg = config(root, CLIPS, named or ('train',), splits=named or ('train', 'test'), **changes)
    cfg.model.data_preprocessor.type = preprocessor
    cfg.train_dataloader.batch_size = batch_size
    if collate:
        cfg.train_dataloader.collate_fn = {'type': collate}
    if limits:
        cfg.model.data_preprocessor.modalities = limits
    return {split.name: set(split.stacked) for split in find_splits(cfg)[0]}


def test_arrays_that_a_batch_takes_as_they_are(clips):
    *steps, pack = CLIPS['pipeline']
    assert stacked(clips) == {'train': {'imu'}, 'test': set()}
    for stranger in ({'type': 'mmseg.RandomFlip'}, lambda results: results):  # which name no modality
        assert stacked(clips, pipeline=[*steps, stranger, pack])['train'] == set()
    for only_one in ({'batch_size': 1}, {'indices': 3}, {'modalities': ['audio']}):
        assert stacked(clips, **only_one)['train'] == set()
    assert stacked(clips, preprocessor='SegDataPreProcessor')['train'] == set()
    assert stacked(clips, collate='fdkd.collate_pairs')['train'] == {'imu'}
    assert stacked(clips, collate='own_collate')['train'] == set()
    assert stacked(clips, limits={'imu': {'tokens': True}})['train'] == set()  # which are padded


def test_an_array_of_another_shape_is_an_error_where_the_config_uses_it(clips):
    np.save(clips / 'imu' / 'b.npy', np.random.default_rng(9).normal(size=(3, 11)))
    cfg = config(clips, CLIPS)
    cfg.train_dataloader.batch_size, cfg.model.data_preprocessor.type = 4, 'MultimodalPreprocessor'
    report = examine(cfg, 'config.py', str(clips), 0)
    assert found(report) == {('error', 'train', 'b', 'imu', 'imu/b.npy', 'shape')}
    write_rows(clips, [(name, '' if name == 'b' else label, split) for name, label, split in ROWS])
    assert ('warning', 'train', 'b', 'imu', 'imu/b.npy', 'shape') in found(examine(cfg, 'config.py', str(clips), 0))
    write_rows(clips, ROWS)
    (clips / 'audio' / 'b.wav').unlink()  # neither sample is in a batch
    assert ('warning', 'train', 'b', 'imu', 'imu/b.npy', 'shape') in found(examine(cfg, 'config.py', str(clips), 0))


def test_a_modality_that_no_step_reads_and_one_whose_step_cannot_be_built(clips, monkeypatch):
    report = check(
        clips, CLIPS, pipeline=[*CLIPS['pipeline'][:3], {'type': 'LoadFrames', 'modality': 'visual', 'frames': 0}]
    )
    assert found(report) == {
        (severity, split, '', modality, '', 'no loader')
        for severity, modality in (('error', 'visual'), ('note', 'imu'))
        for split in ('train', 'test')
    }


def test_a_data_set_of_another_kind_is_refused(clips):
    @DATASETS.register_module(force=True)
    class Foreign(BaseDataset):
        pass

    assert not issubclass(Foreign, MultimodalDataset)
    with pytest.raises(ConfigError, match='Foreign: check_data reads data sets that derive from MultimodalDataset'):
        find_splits(config(clips, {'type': 'Foreign'}))
