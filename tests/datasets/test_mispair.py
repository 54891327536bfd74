"""Mispaired samples: everyone gets another's value of one modality, and nothing else changes."""

from collections import Counter

import pytest
import torch

from fdkd.datasets import NYUDepthV2, PairedDataset, SampleKey
from fdkd.datasets.mispair import check_mispair, mispaired
from fdkd.errors import ConfigError, DataError


def sample(name, label=None, has=('audio', 'visual')):
    labelled = () if label is None else ('label',)
    values = {modality: f'{modality} {name}' for modality in has}
    return {'sample_id': name, 'gt_label': -1 if label is None else label, 'present': (*has, *labelled), **values}


SAMPLES = [sample(f's{number}', number % 3) for number in range(20)]


def owners(samples, modality='audio'):
    """Whose value each sample holds."""
    return [entry[modality].split()[1] for entry in samples if modality in entry]


def test_nobody_keeps_the_own_value_and_nothing_else_changes():
    dealt, alone = mispaired(SAMPLES, 'audio', 'any', 'set')
    names = [entry['sample_id'] for entry in SAMPLES]
    assert alone == 0
    assert all(owner != name for owner, name in zip(owners(dealt), names, strict=True))
    assert Counter(owners(dealt)) == Counter(names)
    for before, after in zip(SAMPLES, dealt, strict=True):
        assert {**after, 'audio': before['audio']} == before
    assert owners(SAMPLES) == names  # the input is left alone


def test_which_value_is_fixed_whatever_was_drawn_before():
    dealt, _ = mispaired(SAMPLES, 'audio', 'any', 'set')
    torch.manual_seed(3)
    assert mispaired(SAMPLES, 'audio', 'any', 'set')[0] == dealt
    assert len(set(zip(owners(SAMPLES), owners(dealt), strict=True))) == 20
    steps = {(int(b[1:]) - int(a[1:])) % 20 for a, b in zip(owners(SAMPLES), owners(dealt), strict=True)}
    assert len(steps) > 5  # shuffled, not shifted


def test_within_the_class():
    dealt, alone = mispaired(SAMPLES, 'audio', 'class', 'set')
    labels = {entry['sample_id']: entry['gt_label'] for entry in SAMPLES}
    assert alone == 0
    for entry, owner in zip(dealt, owners(dealt), strict=True):
        assert owner != entry['sample_id']
        assert labels[owner] == entry['gt_label']


def test_across_classes_labels_are_no_better_than_chance():
    samples = [sample(f's{number}', number % 5) for number in range(500)]
    labels = {entry['sample_id']: entry['gt_label'] for entry in samples}
    dealt, _ = mispaired(samples, 'audio', 'any', 'set')
    same = sum(labels[owner] == entry['gt_label'] for entry, owner in zip(dealt, owners(dealt), strict=True))
    assert 60 < same < 140  # 100 are expected, give or take 9


def test_a_sample_that_lacks_the_modality_goes_on_lacking_it():
    samples = [*SAMPLES[:5], sample('gap', 1, has=('visual',)), *SAMPLES[5:]]
    dealt, _ = mispaired(samples, 'audio', 'any', 'set')
    assert dealt[5] == samples[5]
    assert Counter(owners(dealt)) == Counter(owners(samples))


def test_who_is_alone_with_a_label_or_has_none_keeps_the_value():
    samples = [*SAMPLES, sample('single', 7), sample('none'), sample('nothing')]
    dealt, alone = mispaired(samples, 'audio', 'class', 'set')
    assert alone == 3
    assert dealt[20:] == samples[20:]
    dealt, alone = mispaired(samples, 'audio', 'any', 'set')
    assert alone == 0
    assert all(after != before for after, before in zip(dealt, samples, strict=True))


@pytest.mark.parametrize(
    ('samples', 'kind'),
    [([SAMPLES[0]], 'any'), ([SAMPLES[0], sample('gap', 0, has=('visual',))], 'any'), (SAMPLES[:3], 'class')],
)
def test_where_nobody_can_swap_is_an_error(samples, kind):
    with pytest.raises(DataError, match=rf"set: mispair.audio='{kind}': none of the {len(samples)} samples can swap"):
        mispaired(samples, 'audio', kind, 'set')


def test_a_value_in_an_unknown_place_is_an_error():
    strange = [{'sample_id': name, 'present': ('audio',), 'sound': name} for name in 'ab']
    with pytest.raises(DataError, match=r"set: the sample [ab] has neither 'audio' nor 'audio_path'"):
        mispaired(strange, 'audio', 'any', 'set')


@pytest.mark.parametrize(
    ('mispair', 'message'),
    [
        ('any', "set: mispair='any', expected a kind by modality"),
        ({'sound': 'any'}, 'set: mispair.sound: no such modality, expected one of audio, visual'),
        ({'label': 'any'}, 'set: mispair.label: no such modality'),
        ({'audio': 'some'}, "set: mispair.audio='some', expected 'any' or 'class'"),
    ],
)
def test_what_cannot_be_meant_is_named(mispair, message):
    with pytest.raises(ConfigError, match=message):
        check_mispair(mispair, ('audio', 'visual'), 'set')


ROWS = [[name, ('dog', 'cat')[number % 2], 'train'] for number, name in enumerate('abcdef')]
SOURCES = {'audio': 'audio/{id}', 'visual': 'visual/{id}'}


def paired(table, **kwargs):
    files = [f'{folder}/{row[0]}' for row in ROWS for folder in ('audio', 'visual')]
    root = table('all.csv', 'id label split', ROWS, files)
    return PairedDataset(root, 'train', annotations='all.csv', sources=SOURCES, classes=('cat', 'dog'), **kwargs)


def files(dataset):
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    return [(info['sample_id'], *(info.get(name, '/')[-1] for name in ('audio', 'visual'))) for info in infos]


@pytest.mark.parametrize('kind', ['any', 'class'])
def test_of_a_table(table, kind):
    dataset = paired(table, mispair={'audio': kind})
    for name, audio, visual in files(dataset):
        assert visual == name
        assert audio != name
        assert kind == 'any' or ('ace'.find(audio) >= 0) == ('ace'.find(name) >= 0)
    like = ' with the same label' if kind == 'class' else ''
    assert dataset.notices == [f"PairedDataset train: mispaired, audio is another sample's{like}"]


def test_a_modality_that_is_not_loaded_cannot_be_mispaired(table):
    dataset = paired(table, mispair={'audio': 'any'}, modalities=['visual'])
    assert files(dataset) == [(row[0], '/', row[0]) for row in ROWS]
    assert dataset.notices == []


def test_samples_chosen_by_index_swap_among_themselves(table):
    dataset = paired(table, mispair={'audio': 'any'}, indices=[4, 1, 0])
    names, audio, _ = zip(*files(dataset), strict=True)
    assert names == ('e', 'b', 'a')
    assert sorted(audio) == ['a', 'b', 'e']
    assert not any(one == other for one, other in zip(names, audio, strict=True))


def test_of_nyu_depth_goes_to_another_frame_and_its_geometry_follows_the_sample(nyu_root):
    pipeline = [
        *(dict(type='LoadRGB'), dict(type='LoadDepth'), dict(type='LoadLabelMap')),
        *(dict(type='mmseg.RandomFlip', prob=0.5), dict(type='PackSegmentation')),
    ]
    straight, crossed = (
        NYUDepthV2(nyu_root, 'train', pipeline=pipeline, mispair=mispair) for mispair in (None, {'depth': 'any'})
    )
    for index in range(4):
        key = SampleKey(index, 1, 7)
        one, other = straight[key], crossed[key]
        assert one['inputs']['rgb'].equal(other['inputs']['rgb'])
        assert one['data_samples'].gt_sem_seg.data.equal(other['data_samples'].gt_sem_seg.data)
        assert one['data_samples'].flip == other['data_samples'].flip
        depth = other['inputs']['depth']
        depths = [straight[SampleKey(donor, 1, 7)]['inputs']['depth'] for donor in range(4)]
        donors = [donor for donor, x in enumerate(depths) if depth.equal(x) or depth.equal(x.flip(2))]
        assert len(donors) == 1
        assert donors != [index]


def test_label_maps_have_no_class(nyu_root):
    with pytest.raises(ConfigError, match=r"NYUDepthV2: mispair.depth='class' needs samples with one class each"):
        NYUDepthV2(nyu_root, 'train', mispair={'depth': 'class'})
