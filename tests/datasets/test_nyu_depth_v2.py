"""The layout of NYU-Depth V2, each way in which a folder can miss it, and the real frames."""

import csv
import shutil

import cv2
import numpy as np
import pytest

from fdkd.datasets import NYUDepthV2
from fdkd.datasets.nyu_depth_v2 import CLASSES, bit_palette
from fdkd.errors import DataError

LOADERS = [dict(type='LoadRGB'), dict(type='LoadDepth'), dict(type='LoadLabelMap')]
FOLDERS = {'rgb': 'rgb', 'depth': 'depth', 'label': 'label40'}
SUFFIXES = {'rgb': '.jpg', 'depth': '.png', 'label': '.png'}


def test_ids_and_files_follow_the_split(nyu_copy):
    (nyu_copy / 'train.txt').write_text('0003\n0001\n\n0005')
    dataset = NYUDepthV2(nyu_copy, 'train')
    entries = [dataset.get_data_info(index) for index in range(len(dataset))]
    assert [entry['sample_id'] for entry in entries] == ['0003', '0001', '0005']
    for kind in FOLDERS:
        file = nyu_copy / FOLDERS[kind] / f'0001{SUFFIXES[kind]}'
        assert entries[1][f'{kind}_path'] == str(file)


def test_forty_classes_with_distinct_colours():
    assert len(CLASSES) == len(set(CLASSES)) == 40
    assert NYUDepthV2.METAINFO['classes'] == CLASSES
    colours = {tuple(colour) for colour in NYUDepthV2.METAINFO['palette']}
    assert len(colours) == 40
    assert (0, 0, 0) not in colours  # black is void


def test_the_palette_is_the_bits_of_the_number():
    # 1 is red's highest bit, 2 green's, 4 blue's, 8 red's second highest; 13 = 8 + 4 + 1
    palette = bit_palette(40)
    assert [palette[number - 1] for number in (1, 2, 4, 8, 13)] == [
        [128, 0, 0],
        [0, 128, 0],
        [0, 0, 128],
        [64, 0, 0],
        [192, 0, 128],
    ]


def test_a_missing_root_is_named_with_the_way_to_get_it(tmp_path):
    with pytest.raises(DataError, match=r'nowhere: no such folder; convert it with `fdkd prepare nyu`'):
        NYUDepthV2(tmp_path / 'nowhere', 'train')


def test_a_missing_split_is_named(nyu_root):
    with pytest.raises(DataError, match=r'val.txt: no such split file'):
        NYUDepthV2(nyu_root, 'val')


@pytest.mark.parametrize('text', ['', ' \n\n'])
def test_an_empty_split_is_named(nyu_copy, text):
    (nyu_copy / 'train.txt').write_text(text)
    with pytest.raises(DataError, match=r'train.txt: the split is empty'):
        NYUDepthV2(nyu_copy, 'train')


def test_repeated_ids_are_counted(nyu_copy):
    (nyu_copy / 'train.txt').write_text('0003\n0001\n0002\n0001\n0002\n0002\n')
    with pytest.raises(DataError, match=r'train.txt: 2 ids stand there twice, the first is 0001'):
        NYUDepthV2(nyu_copy, 'train')


def test_a_split_that_is_no_text_is_named(nyu_copy):
    shutil.copy(nyu_copy / 'rgb' / '0001.jpg', nyu_copy / 'train.txt')
    with pytest.raises(DataError, match=r'train.txt: not a text file'):
        NYUDepthV2(nyu_copy, 'train')


@pytest.mark.parametrize('kind', FOLDERS)
def test_a_missing_file_is_named(nyu_copy, kind):
    file = nyu_copy / FOLDERS[kind] / f'0002{SUFFIXES[kind]}'
    file.unlink()
    with pytest.raises(DataError, match=r'train.txt names 1 files that do not exist: ') as caught:
        NYUDepthV2(nyu_copy, 'train')
    assert str(caught.value).endswith(f': {file}')


def test_many_missing_files_are_counted_and_a_few_shown(nyu_copy):
    shutil.rmtree(nyu_copy / 'depth')
    shutil.rmtree(nyu_copy / 'rgb')
    with pytest.raises(DataError, match=r'train.txt names 8 files that do not exist: ') as caught:
        NYUDepthV2(nyu_copy, 'train')
    assert str(caught.value).endswith('depth/0001.png, ...')


@pytest.mark.parametrize(('wanted', 'other'), [('rgb', 'depth'), ('depth', 'rgb')])
def test_files_of_other_modalities_are_not_touched(nyu_copy, wanted, other):
    shutil.rmtree(nyu_copy / other)
    sample = NYUDepthV2(nyu_copy, 'train', modalities=[wanted], pipeline=LOADERS)[0]
    assert ('depth' in sample) == (wanted == 'depth')
    assert f'{other}_path' not in sample


def test_a_missing_frame_of_another_split_does_not_matter(nyu_copy):
    (nyu_copy / 'rgb' / '0005.jpg').unlink()
    assert len(NYUDepthV2(nyu_copy, 'train')) == 4


def test_the_real_classes_have_the_official_order(real_nyu):
    with (real_nyu / 'classes40.csv').open(newline='') as file:
        numbers = {int(row['id']): row['name'] for row in csv.DictReader(file)}
    assert tuple(numbers[number] for number in range(1, 41)) == CLASSES


def test_the_real_splits_have_the_official_sizes(real_nyu):
    assert [len(NYUDepthV2(real_nyu, split)) for split in ('train', 'test')] == [795, 654]


@pytest.mark.parametrize(('split', 'index'), [('train', 0), ('train', 794), ('test', 300)])
def test_real_frames_equal_opencv_reading(real_nyu, split, index):
    sample = NYUDepthV2(real_nyu, split, pipeline=LOADERS)[index]
    frame = sample['sample_id']
    rgb = cv2.imread(str(real_nyu / 'rgb' / f'{frame}.jpg'))
    depth = cv2.imread(str(real_nyu / 'depth' / f'{frame}.png'), cv2.IMREAD_UNCHANGED)
    label = cv2.imread(str(real_nyu / 'label40' / f'{frame}.png'), cv2.IMREAD_UNCHANGED)
    assert np.abs(sample['img'].astype(int) - rgb).max() <= 4  # two JPEG decoders
    np.testing.assert_allclose(sample['depth'], depth / 1000, rtol=1e-6)
    assert np.array_equal(sample['gt_seg_map'], np.where(label == 0, 255, label.astype(int) - 1))
    assert set(np.unique(sample['gt_seg_map'])) <= {*range(40), 255}


def test_optional_files_may_be_missing(nyu_copy):
    (nyu_copy / 'depth' / '0002.png').unlink()
    (nyu_copy / 'label40' / '0003.png').unlink()
    dataset = NYUDepthV2(str(nyu_copy), 'train', optional=('depth', 'label'))
    present = {info['sample_id']: info['present'] for info in map(dataset.get_data_info, range(len(dataset)))}
    assert present == {
        '0001': ('rgb', 'depth', 'label'),
        '0002': ('rgb', 'label'),
        '0003': ('rgb', 'depth'),
        '0004': ('rgb', 'depth', 'label'),
    }
    assert 'depth_path' not in dataset.get_data_info(1)


def test_an_optional_modality_that_no_sample_has_is_an_error(nyu_copy):
    shutil.rmtree(nyu_copy / 'depth')
    with pytest.raises(DataError, match='names 4 files that do not exist'):
        NYUDepthV2(str(nyu_copy), 'train', optional=('depth', 'label'))


def test_a_byte_order_mark_is_no_part_of_an_id(nyu_copy):
    (nyu_copy / 'train.txt').write_bytes(b'\xef\xbb\xbf0001\r\n0002\r\n')
    assert len(NYUDepthV2(str(nyu_copy), 'train')) == 2


@pytest.mark.parametrize('sample', ['x/0001', '../rgb/0001', '/0001'])
def test_an_id_in_another_folder_is_missing(nyu_copy, sample):
    (nyu_copy / 'train.txt').write_text(sample)
    with pytest.raises(DataError, match='names 3 files that do not exist'):
        NYUDepthV2(str(nyu_copy), 'train')


def test_a_long_list_with_one_id_twice_is_looked_through_once(nyu_copy):
    """Counting each id by itself took minutes."""
    (nyu_copy / 'train.txt').write_text('\n'.join(map(str, range(60_000))) + '\n7')
    with pytest.raises(DataError, match='1 ids stand there twice, the first is 7'):
        NYUDepthV2(str(nyu_copy), 'train')
