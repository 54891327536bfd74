"""Samples as the table describes them, what is left out and said, and all that is refused."""

import os
import shutil

import pytest

from fdkd.datasets import PairedDataset
from fdkd.errors import ConfigError, DataError

SOURCES = {'audio': 'audio/{id}.wav', 'visual': 'frames/{id}'}
ROWS = [
    *(['a', 'dog', 'train'], ['b', 'cat', 'train'], ['c', 'dog', 'train'], ['d', 'cat', 'train']),
    *(['e', 'cat', 'test'], ['f', 'dog', 'test']),
]


@pytest.fixture
def root(table):
    """Six samples with empty audio files and frame folders."""
    files = [f'audio/{row[0]}.wav' for row in ROWS] + [f'frames/{row[0]}/000.jpg' for row in ROWS]
    return table('all.csv', 'id label split', ROWS, files)


def build(root, split='train', **kwargs):
    return PairedDataset(
        root, split, **{'annotations': 'all.csv', 'sources': SOURCES, 'classes': ('cat', 'dog'), **kwargs}
    )


def samples(dataset):
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def test_a_sample_is_what_the_row_says(root):
    dataset = build(root)
    assert samples(dataset)[1] == {
        'sample_id': 'b',
        'gt_label': 0,
        'present': ('audio', 'visual', 'label'),
        'audio': str(root / 'audio' / 'b.wav'),
        'visual': str(root / 'frames' / 'b'),
        'sample_idx': 1,
    }
    assert [sample['sample_id'] for sample in samples(dataset)] == ['a', 'b', 'c', 'd']
    assert [sample['gt_label'] for sample in samples(dataset)] == [1, 0, 1, 0]
    assert dataset.metainfo['classes'] == ('cat', 'dog')
    assert dataset.notices == []
    assert dataset.counts == {'listed': 4, 'used': 4, 'missing': 0, 'unlabelled': 0}


def test_paths_are_absolute_for_a_relative_root(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    assert samples(build(root.name, 'test'))[0]['audio'] == str(root / 'audio' / 'e.wav')


def test_a_table_elsewhere_and_numbers_as_classes(table, tmp_path):
    root = table('list.tsv.gz', 'x', [])
    (root / 'list.tsv.gz').unlink()
    (root / 'lists').mkdir()
    (root / 'lists' / 'train.tsv').write_text('7\tx.wav\thello "you"\n8\ty.wav\t\n')
    data = root / 'data'
    data.mkdir()
    (data / 'x.wav').touch()
    (data / 'y.wav').touch()
    dataset = build(
        data,
        annotations=str(root / 'lists' / '{split}.tsv'),
        columns=['number', 'file', 'words'],
        id='{split}-{number}',
        label='{number:.1}',
        classes=[7, 8],
        sources={'audio': '{file}', 'text': {'text': '{sample_id}: {words}'}},
    )
    assert [(s['sample_id'], s['text'], s['gt_label']) for s in samples(dataset)] == [
        ('train-7', 'train-7: hello "you"', 0),
        ('train-8', 'train-8: ', 1),
    ]
    assert samples(dataset)[1]['audio'] == str(data / 'y.wav')
    assert samples(dataset)[1]['present'] == ('audio', 'text', 'label')


def test_labels_are_merged_before_they_are_looked_up(root):
    dataset = build(root, classes=('animal', 'dog'), merge={'cat': 'animal'})
    assert [sample['gt_label'] for sample in samples(dataset)] == [1, 0, 1, 0]


def test_files_of_other_modalities_are_not_touched(root):
    shutil.rmtree(root / 'frames')
    dataset = build(root, 'test', modalities=['audio'])
    assert samples(dataset)[0].keys() == {'sample_id', 'gt_label', 'present', 'audio', 'sample_idx'}
    assert samples(dataset)[0]['present'] == ('audio', 'label')
    # nor their columns
    assert len(build(root, 'test', modalities=['audio'], sources={**SOURCES, 'text': {'text': '{tweet}'}})) == 2


def test_missing_files_are_an_error_that_shows_five(root):
    shutil.rmtree(root / 'frames')
    (root / 'audio' / 'b.wav').unlink()
    with pytest.raises(DataError) as caught:
        build(root)
    assert str(caught.value) == (
        f'{root / "all.csv"}, split train: 5 files do not exist: '
        + ', '.join(str(root / path) for path in ('audio/b.wav', *(f'frames/{name}' for name in 'abcd')))
    )


def test_missing_files_are_skipped_and_counted_on_request(root):
    (root / 'audio' / 'b.wav').unlink()
    shutil.rmtree(root / 'frames' / 'b')
    shutil.rmtree(root / 'frames' / 'c')
    dataset = build(root, missing='skip')
    assert [sample['sample_id'] for sample in samples(dataset)] == ['a', 'd']
    assert dataset.counts == {'listed': 4, 'used': 2, 'missing': 2, 'unlabelled': 0}
    assert dataset.notices == [
        f'PairedDataset train: 2 of 4 samples left out for want of a file, for example {root / "audio" / "b.wav"}'
    ]


def test_an_example_is_named_as_the_config_would(root, monkeypatch):
    (root / 'audio' / 'b.wav').unlink()
    monkeypatch.chdir(root.parent)
    said = build(root.name, missing='skip', modalities=['audio']).notices[0]
    assert said.endswith(f'for example {root.name}/audio/b.wav')


def test_a_sample_may_lack_an_optional_modality(root):
    shutil.rmtree(root / 'frames' / 'b')
    dataset = build(root, optional=['visual'])
    assert [sample['present'] for sample in samples(dataset)][:2] == [
        ('audio', 'visual', 'label'),
        ('audio', 'label'),
    ]
    assert 'visual' not in samples(dataset)[1]
    assert dataset.counts == {'listed': 4, 'used': 4, 'missing': 0, 'unlabelled': 0, 'without_visual': 1}
    assert dataset.notices == ['PairedDataset train: 1 of 4 samples have no visual']


def test_not_all_samples_may_lack_it(root):
    shutil.rmtree(root / 'frames')
    with pytest.raises(DataError, match=rf'no sample has visual: {root}/frames/a, .*/frames/d$'):
        build(root, optional=['visual'])


def test_a_sample_without_any_modality_is_left_out(root):
    (root / 'audio' / 'b.wav').unlink()
    shutil.rmtree(root / 'frames' / 'b')
    dataset = build(root, optional=['audio', 'visual'])
    assert [sample['sample_id'] for sample in samples(dataset)] == ['a', 'c', 'd']
    assert (dataset.counts['missing'], dataset.counts['without_visual']) == (1, 0)
    assert dataset.notices == [
        f'PairedDataset train: 1 of 4 samples left out for want of a file, for example {root / "audio" / "b.wav"}'
    ]


def test_the_example_of_a_left_out_sample_is_a_file_that_it_needs(root):
    (root / 'audio' / 'a.wav').unlink()
    shutil.rmtree(root / 'frames' / 'b')
    dataset = build(root, optional=['audio'], missing='skip')
    assert dataset.notices == [
        f'PairedDataset train: 1 of 4 samples left out for want of a file, for example {root / "frames" / "b"}',
        'PairedDataset train: 1 of 3 samples have no audio',
    ]


def test_an_empty_value_is_no_path(table):
    rows = [['a', 'dog', 'train', 'a.npy'], ['b', 'cat', 'train', '']]
    root = table('all.csv', 'id label split imu', rows, ['imu/a.npy'])
    sources = {'imu': 'imu/{imu}', 'text': {'text': '{id}'}}
    assert samples(build(root, sources=sources, optional=['imu']))[1]['present'] == ('text', 'label')
    with pytest.raises(DataError, match=r'1 files do not exist: imu of b \(none in the table\)$'):
        build(root, sources=sources)


@pytest.mark.parametrize('optional', [(), ('label',)])
def test_samples_without_a_label(table, optional):
    rows = [['a', 'dog', 'train'], ['b', '', 'train'], ['c', 'cat', 'train']]
    dataset = build(table('all.csv', 'id label split', rows), sources={'text': {'text': '{id}'}}, optional=optional)
    found = [(sample['sample_id'], sample['gt_label'], sample['present']) for sample in samples(dataset)]
    labelled = [('a', 1, ('text', 'label')), ('c', 0, ('text', 'label'))]
    if optional:
        assert found == [labelled[0], ('b', -1, ('text',)), labelled[1]]
        assert dataset.notices == ['PairedDataset train: 1 of 3 samples have no label']
    else:
        assert found == labelled
        assert dataset.notices == ['PairedDataset train: 1 of 3 samples have no label, they are left out']
    assert dataset.counts == {'listed': 3, 'used': len(found), 'missing': 0, 'unlabelled': 1}


def test_all_problems_are_listed_at_once(table):
    rows = [
        *(['a', 'dig', 'train'], ['a', 'dog', 'train'], ['b', 'dog', 'train'], ['b', 'cat', 'test']),
        *(['c', 'bird', 'test'], ['d', 'dog', 'val'], ['e', 'dog', 'train']),
    ]
    root = table('all.csv', 'id label split', rows, [f'audio/{name}.wav' for name in 'abcd'])
    with pytest.raises(DataError) as caught:
        build(root, sources={'audio': SOURCES['audio']})
    assert str(caught.value).split('\n  ') == [
        f'{root / "all.csv"}: 7 problems',
        "1. rows stand in splits other than train, test: 'val' (1 row); name all in splits",
        "2. line 2 (a): label 'dig' is none of the 2 classes; did you mean 'dog'?",
        "3. line 6 (c): label 'bird' is none of the 2 classes",
        '4. 1 ids stand more than once in a split: a',
        '5. 1 ids stand in more than one split (train and test), which is a leak: b',
        f'6. split train: 1 files do not exist: {root}/audio/e.wav',
        '7. split train: no training sample shows 1 of 2 classes: cat',
    ]


def test_a_leak_between_files_is_found_from_either_side(table):
    table('train.csv', 'id label', [['a', 'dog'], ['b', 'cat']])
    root = table('test.csv', 'id label', [['b', 'cat']])
    for split in ('train', 'test'):
        with pytest.raises(DataError, match=r'1 ids stand in more than one split \(train and test\)'):
            build(root, split, annotations='{split}.csv', sources={'text': {'text': '{id}'}})


def test_a_class_whose_files_are_all_missing_is_absent_from_training(root):
    (root / 'audio' / 'b.wav').unlink()
    (root / 'audio' / 'd.wav').unlink()
    with pytest.raises(DataError, match=r'split train: no training sample shows 1 of 2 classes: cat'):
        build(root, missing='skip')
    (root / 'audio' / 'e.wav').unlink()
    assert len(build(root, 'test', missing='skip')) == 1  # a test split may lack a class


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        ([['a', 'dog', 'train']], 'split test: the split is empty'),
        ([['a', '', 'test']], 'none of the 1 samples can be used, they have no label'),
        ([['a', 'dog', 'test']], 'none of the 1 samples can be used, their files do not exist: .*/audio/a.wav, '),
    ],
)
def test_nothing_to_use_is_an_error(table, rows, message):
    with pytest.raises(DataError, match=message):
        build(table('all.csv', 'id label split', rows), 'test', missing='skip')


def test_validation_takes_the_same_share_of_every_class_out_of_training(table):
    rows = [[f'{label}{n}', label, 'train'] for label, count in (('dog', 50), ('cat', 10)) for n in range(count)]
    root = table('all.csv', 'id label split', [*rows, ['t', 'dog', 'test']])
    options = {'sources': {'text': {'text': '{id}'}}, 'validation': 0.2}
    parts = {split: samples(build(root, split, **options)) for split in ('train', 'val', 'test')}
    ids = {split: {sample['sample_id'] for sample in part} for split, part in parts.items()}
    assert {split: len(part) for split, part in parts.items()} == {'train': 48, 'val': 12, 'test': 1}
    assert ids['train'] | ids['val'] == {row[0] for row in rows}
    assert sum(name.startswith('cat') for name in ids['val']) == 2
    # A lost file moves no sample from one side to the other.
    files = {'sources': {'audio': 'audio/{id}.wav'}, 'validation': 0.2, 'missing': 'skip'}
    table('all.csv', 'id label split', rows, [f'audio/{row[0]}.wav' for row in rows[::2]])
    present = {row[0] for row in rows[::2]}
    assert {sample['sample_id'] for sample in samples(build(root, 'val', **files))} == ids['val'] & present


class Official(PairedDataset):
    """A data set with official numbers."""

    OFFICIAL = {'train': 1200, 'test': 2}  # noqa: RUF012
    GROUPS = 'speakers'
    PREPARE = 'official'


def test_another_number_than_the_official_one_is_said(root):
    arguments = {'annotations': 'all.csv', 'sources': SOURCES, 'classes': ('cat', 'dog')}
    assert Official(root, 'test', **arguments).notices == []
    assert Official(root, 'train', **arguments).notices == ['Official train: 1,200 samples officially, 4 here']
    # Samples held out for validation are here, too.
    complete = type('Complete', (Official,), {'OFFICIAL': {'train': 4}})
    assert complete(root, 'train', **arguments, validation=0.5).notices == []
    halves = [Official(root, split, **arguments, validation=0.5) for split in ('train', 'val')]
    assert [len(half) for half in halves] == [2, 2]
    assert [half.notices for half in halves] == [['Official train: 1,200 samples officially, 4 here'], []]
    (root / 'audio' / 'f.wav').unlink()
    assert Official(root, 'test', **arguments, missing='skip').notices == [
        'Official test: 2 samples officially, 1 here (1 missing)',
        f'Official test: 1 of 2 samples left out for want of a file, for example {root / "audio" / "f.wav"}',
    ]


def test_groups_in_several_splits_are_counted(table):
    rows = [['a1', 'dog', 'train'], ['b1', 'cat', 'train'], ['a2', 'dog', 'test'], ['c1', 'dog', 'test']]
    root = table('all.csv', 'id label split', rows)
    arguments = {'annotations': 'all.csv', 'sources': {'text': {'text': '{id}'}}, 'classes': ('cat', 'dog')}
    dataset = Official(root, 'test', **arguments, group='{id:.1}')
    assert dataset.notices == ['Official test: 1 of 3 speakers stand in more than one split']


def test_a_missing_root_is_named_with_the_way_to_get_it(tmp_path):
    arguments = {'annotations': 'all.csv', 'sources': SOURCES, 'classes': ('cat', 'dog')}
    with pytest.raises(DataError, match=r'no: no such folder; convert it with `fdkd prepare official` .*, or pass'):
        Official(tmp_path / 'no', 'train', **arguments)
    with pytest.raises(DataError, match=r'no: no such folder; pass another with --data-root'):
        build(tmp_path / 'no')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'sources': {}}, r'sources=\{\}, expected a pattern for each modality'),
        ({'sources': {'label': '{id}'}}, "a modality cannot be called 'label'"),
        ({'sources': {'text': {'txt': '{id}'}}}, 'sources.text has txt, expected text alone'),
        ({'sources': {'audio': '{id'}}, r"sources.audio: '\{id' is no pattern"),
        ({'sources': {3: '{id}'}}, 'sources names the modality 3, expected text'),
        ({'sources': {'text': {'txt': '', 3: ''}}}, 'sources.text has txt, 3, expected text alone'),
        ({'classes': ()}, r'classes=\[\] is empty'),
        ({'classes': ('', 'dog')}, 'a class has an empty name'),  # what has no label would be one of it
        ({'classes': 'cat'}, "classes='cat', expected a list of names"),
        ({'classes': None}, 'classes=None, expected a list of names'),
        ({'splits': 'train'}, "splits='train', expected a list of names, that of training first"),
        ({'splits': ()}, r'splits=\(\), expected a list'),
        ({'columns': [1, 2]}, r'columns=\[1, 2\], expected a list of names, or None'),
        ({'merge': {'kitten': 3}}, r"merge=\{'kitten': 3\}, expected a class's name by label"),
        ({'merge': ['kitten']}, 'merge='),
        ({'validation': 'some'}, "validation='some', expected a share from 0 to below 1"),
        ({'validation': float('nan')}, 'validation=nan'),
        ({'optional': [3]}, r'optional=\[3\], expected a list of modalities'),
        ({'annotations': None}, "annotations=None, expected a file's name"),
        ({'delimiter': ''}, "delimiter=''"),
        ({'classes': ('cat', 'cat')}, 'repeats a name'),
        ({'merge': {'kitten': 'feline'}}, 'merge leads to feline, not among the classes'),
        ({'missing': 'ignore'}, "missing='ignore', expected 'error' or 'skip'"),
        ({'validation': 1}, 'validation=1, expected a share from 0 to below 1'),
        ({'validation': 0.2, 'splits': ('train', 'val')}, r'0 where the splits \(train, val\) have a val'),
        ({'split': 'dev'}, "split='dev', expected one of train, test$"),
        ({'split': 'val'}, 'expected one of train, test; validation=0.2 would hold out'),
        ({'optional': ['vidual']}, 'optional names vidual, expected some of audio, visual, label'),
    ],
)
def test_arguments_that_cannot_be_meant(root, change, message):
    with pytest.raises(ConfigError, match=message):
        build(root, **change)


def test_an_unknown_column_is_named_beside_those_there_are(root):
    with pytest.raises(DataError, match=r"all.csv: label='\{word\}' names word, but the columns are id, label, split"):
        build(root, label='{word}')


def test_however_many_samples_take_one_look_at_each_folder(root, monkeypatch):
    looked, scandir = [], os.scandir
    monkeypatch.setattr(os, 'scandir', lambda folder: looked.append(folder) or scandir(folder))
    build(root)
    assert looked == [str(root / 'audio'), str(root / 'frames')]


def test_real_digits(request):
    root = request.path.parents[3] / 'shared' / 'data' / 'grid_digits'
    if not root.is_dir():
        pytest.skip(f'the real GRID digits are not at {root}')
    options = {
        'annotations': 'digits.csv',
        'sources': {'audio': 'audio/{id}.wav', 'visual': 'mouth/{id}.jpg'},
        'classes': range(10),
        'validation': 0.2,
    }
    parts = {split: PairedDataset(root, split, **options) for split in ('train', 'val', 'test')}
    assert {split: len(part) for split, part in parts.items()} == {'train': 640, 'val': 160, 'test': 200}
    labels = [sample['gt_label'] for sample in samples(parts['val'])]
    assert [labels.count(digit) for digit in range(10)] == [16] * 10
    assert samples(parts['train'])[0]['visual'] == str(root / 'mouth' / 'bbaf2n.jpg')
    assert samples(parts['train'])[0]['gt_label'] == 2


def test_a_root_that_is_no_path_is_refused():
    with pytest.raises(ConfigError, match='data_root=3, expected a folder'):
        build(3)


def test_values_that_no_path_can_hold_are_missing_files(table):
    root = table('all.csv', 'id label split', [*ROWS, ['a\0b', 'cat', 'test'], ['x' * 300, 'dog', 'test']])
    with pytest.raises(DataError, match='8 files do not exist'):
        build(root, 'test', sources={'audio': 'audio/{id}.wav', 'visual': '{id}/frames'})
