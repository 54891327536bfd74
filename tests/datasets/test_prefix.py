"""A kept prefix gives what its steps give, computes once, and belongs to what decides its results."""

import sys
from types import ModuleType

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from fdkd.datasets import PairedDataset, SampleKey
from fdkd.datasets.prefix import DiskPrefix, RamPrefix, chain_identity, deterministic_prefix
from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.errors import ConfigError, DataError
from fdkd.registry import TRANSFORMS

SOUND = [
    dict(type='LoadAudio', modality='audio', seconds=0.2),
    dict(type='AddNoise', modality='audio', snr_db=3),
    dict(type='Spectrogram', modality='audio'),
]
FRAMES = [
    dict(type='LoadFrames', modality='visual'),
    dict(type='Augment', modality='visual', transform='Resize', size=(9, 7)),
]
RANDOM = [
    dict(type='Augment', modality='visual', transform='RandomCrop', size=(8, 6)),
    dict(type='Augment', modality='audio', transform='RandomErasing', p=1.0),
]
PACK = dict(type='PackClassification')


@pytest.fixture
def clips(table):
    """Six clips with sound; two have no picture."""
    rows = [[name, label, 'train'] for name, label in zip('abcdef', 'xyxyxy', strict=True)]
    root = table('clips.csv', 'id label split', rows)
    generator = np.random.default_rng(0)
    for name in 'abcdef':
        soundfile.write(root / f'{name}.wav', generator.uniform(-0.5, 0.5, 5000), 16000)
        if name in 'abcd':
            Image.fromarray(generator.integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(root / f'{name}.png')
    return root


def build(root, pipeline, **settings):
    sources = dict(audio='{id}.wav', visual='{id}.png')
    return PairedDataset(
        root, 'train', annotations='clips.csv', sources=sources, classes=('x', 'y'), optional=['visual', 'label'],
        pipeline=pipeline, **settings,
    )  # fmt: skip


@pytest.mark.parametrize('kind', ['ram', 'disk'])
def test_clips_come_out_as_without(clips, tmp_path, kind):
    pipeline = [*SOUND, *FRAMES, *RANDOM, PACK]
    plain, kept = build(clips, pipeline), build(clips, pipeline, cache=kind, cache_folder=tmp_path / 'kept')
    assert len(kept.prefix.steps) == 5
    for epoch in range(3):
        for index in range(6):
            one, other = (dataset[SampleKey(index, epoch, 1)] for dataset in (plain, kept))
            assert list(one['inputs']) == list(other['inputs'])
            for name, value in one['inputs'].items():
                assert torch.equal(value, other['inputs'][name])
                assert value.stride() == other['inputs'][name].stride()
            assert one['data_samples'].metainfo == other['data_samples'].metainfo
            assert torch.equal(one['data_samples'].gt_label, other['data_samples'].gt_label)


def test_the_prefix_ends_where_numbers_are_drawn_or_samples_packed():
    def length(*configs):
        steps = [TRANSFORMS.build(step) if isinstance(step, dict) else step for step in configs]
        return len(deterministic_prefix(steps, configs))

    assert length(*SOUND, *FRAMES, *RANDOM, PACK) == 5
    assert length(*SOUND, RANDOM[0], *FRAMES) == 3
    assert length(*SOUND, PACK) == 3
    assert length(RANDOM[0], *SOUND) == 0
    assert length(SOUND[0], TRANSFORMS.build(SOUND[1]), SOUND[2]) == 1  # nobody knows what it was built with


class Count(ModalityTransform):
    """Counts its calls."""

    calls = 0

    def apply(self, value, sample_id):
        Count.calls += 1
        return value


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.setattr(Count, 'calls', 0)
    return Count('m')


def test_results_belong_to_the_sample_and_not_to_its_place(tmp_path, counting):
    prefix = DiskPrefix([counting], [{}], tmp_path)
    for place, (sample_id, value) in enumerate([('a', 'x'), ('a', 'x'), ('b', 'x'), ('a', 'y')]):
        found = prefix({'sample_id': sample_id, 'm': value, 'present': ('m',), 'sample_idx': place})
        assert found == {'sample_id': sample_id, 'm': value, 'present': ('m',), 'sample_idx': place}
    assert Count.calls == 3


def test_results_belong_to_the_configs(tmp_path, counting):
    for snr_db in (1, 2, 1):
        DiskPrefix([counting], [dict(snr_db=snr_db)], tmp_path)({'sample_id': 'a', 'm': 'x', 'sample_idx': 0})
    assert Count.calls == 2


def test_a_chain_belongs_to_the_source_of_its_steps(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    identities = []
    for line in ('x = 1', 'x = 1', 'x = 22'):
        (tmp_path / 'own_step.py').write_text(f'{line}\nclass Step: ...\n')
        monkeypatch.delitem(sys.modules, 'own_step', raising=False)
        import linecache

        linecache.clearcache()
        import own_step

        identities.append(chain_identity([own_step.Step()], [{}]))
    assert identities[0] == identities[1] != identities[2]


def test_a_step_without_a_source_has_an_identity(monkeypatch):
    module = ModuleType('typed')
    monkeypatch.setitem(sys.modules, 'typed', module)
    exec('class Step: ...', module.__dict__)
    assert chain_identity([module.Step()], [{}])


def test_results_that_cannot_be_kept_are_an_error(tmp_path):
    prefix = DiskPrefix([lambda results: results | {'img': {1, 2}}], [{}], tmp_path)
    with pytest.raises(ConfigError, match=r"cache: results\['img'\] is a builtins.set, which cannot be kept"):
        prefix({'sample_id': 'a', 'sample_idx': 0})


def test_lack_of_memory_leaves_no_sample_out_of_the_estimate():
    def step(sample):
        if sample['cause'] is not None:
            raise DataError('unreadable') from sample['cause']
        return sample

    samples = [{'cause': ValueError('odd')}, {'cause': None}, {'cause': MemoryError()}]
    assert RamPrefix([step], samples[:2], 2, 'clips', (DataError,)).bytes > 0
    with pytest.raises(DataError, match='unreadable'):
        RamPrefix([step], samples, 3, 'clips', (DataError,))
