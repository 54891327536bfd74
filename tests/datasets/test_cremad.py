"""CREMA-D's official lists, without and with an empty file for each clip, and its layout."""

from collections import Counter

from fdkd.datasets import CREMAD

# Counted with `cut -d, -f2 | sort | uniq -c` in the order of the classes.
TRAIN = {'NEU': 973, 'HAP': 1148, 'SAD': 1131, 'FEA': 1138, 'DIS': 1142, 'ANG': 1166}
TEST = {'NEU': 114, 'HAP': 123, 'SAD': 140, 'FEA': 133, 'DIS': 129, 'ANG': 105}


def test_the_official_lists(official):
    for who in ('c2kd', 'ogmge'):
        options = {'annotations': f'{who}_{{split}}.csv', 'sources': {'name': {'text': '{id}'}}}
        for split, expected in (('train', TRAIN), ('test', TEST)):
            dataset = CREMAD(official / 'cremad', split, **options)
            entries = [dataset.get_data_info(index) for index in range(len(dataset))]
            numbers = Counter(entry['gt_label'] for entry in entries)
            assert [numbers[index] for index in range(6)] == list(expected.values())
            assert all(entry['name'].split('_')[2] == list(expected)[entry['gt_label']] for entry in entries)
            assert len(dataset) == CREMAD.OFFICIAL[split] == sum(expected.values())
            assert dataset.notices == [f'CREMAD {split}: 91 of 91 actors stand in more than one split']


def test_every_official_clip_is_found(official, media):
    lists = official / 'cremad' / 'c2kd_{split}.csv'
    root = media(str(lists).format(split='test'), 'audio/{id}.wav', ('id', 'label'))
    dataset = CREMAD(root, 'test', annotations=lists, modalities=['audio'])
    assert len(dataset) == 744
    (root / 'audio' / '1041_TIE_NEU_XX.wav').unlink()
    dataset = CREMAD(root, 'test', annotations=lists, modalities=['audio'], missing='skip')
    assert dataset.counts == {'listed': 744, 'used': 743, 'missing': 1, 'unlabelled': 0}


def test_the_layout(tmp_path):
    (tmp_path / 'test.csv').write_text('1001_IEO_ANG_XX,ANG\r\n')
    (tmp_path / 'audio').mkdir()
    (tmp_path / 'audio' / '1001_IEO_ANG_XX.wav').touch()
    (tmp_path / 'frames' / '1001_IEO_ANG_XX').mkdir(parents=True)
    dataset = CREMAD(tmp_path, 'test')
    assert dataset.get_data_info(0) == {
        'sample_id': '1001_IEO_ANG_XX',
        'gt_label': 5,
        'present': ('audio', 'visual', 'label'),
        'audio': str(tmp_path / 'audio' / '1001_IEO_ANG_XX.wav'),
        'visual': str(tmp_path / 'frames' / '1001_IEO_ANG_XX'),
        'sample_idx': 0,
    }
    assert dataset.notices == ['CREMAD test: 744 samples officially, 1 here']
