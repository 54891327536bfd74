"""Pixels arrive as they are stored, and a file that is not what it should be is named."""

import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from fdkd.datasets import NYUDepthV2
from fdkd.datasets.transforms.loading import LoadDepth, LoadLabelMap, LoadRGB
from fdkd.errors import DataError

WIDTH, HEIGHT = 32, 24
FILES = {'rgb': 'rgb/0001.jpg', 'depth': 'depth/0001.png', 'label': 'label40/0001.png'}


def load(root):
    """The first training frame after the three loaders."""
    pipeline = [dict(type='LoadRGB'), dict(type='LoadDepth'), dict(type='LoadLabelMap')]
    return NYUDepthV2(root, 'train', pipeline=pipeline)[0]


def refuse(root, kind, message):
    """Expects one error that begins with the damaged file and says ``message``."""
    with pytest.raises(DataError, match=message) as caught:
        load(root)
    assert str(caught.value).startswith(f'{root / FILES[kind]}: ')


def write_png(path, array):
    """Writes PNG whatever the suffix says: readers go by the content."""
    path.write_bytes(cv2.imencode('.png', array)[1].tobytes())


def test_rgb_arrives_in_bgr_order(nyu_copy):
    red_top_blue_bottom = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    red_top_blue_bottom[:12, :, 0] = 255
    red_top_blue_bottom[12:, :, 2] = 255
    Image.fromarray(red_top_blue_bottom).save(nyu_copy / FILES['rgb'], quality=100, subsampling=0)
    image = load(nyu_copy)['img']
    assert image.dtype == np.uint8
    assert np.abs(image[2:8].astype(int) - [0, 0, 255]).max() < 8
    assert np.abs(image[16:22].astype(int) - [255, 0, 0]).max() < 8


def test_depth_arrives_in_metres_and_holes_stay(nyu_copy):
    depth = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 85  # 0 to 65195 mm
    write_png(nyu_copy / FILES['depth'], depth)
    loaded = load(nyu_copy)['depth']
    assert loaded.dtype == np.float32
    assert loaded[0, 0] == 0
    assert loaded[0, 20] == np.float32(1.7)
    np.testing.assert_allclose(loaded, depth / 1000, rtol=1e-7)


def test_labels_lose_one_and_void_becomes_255(nyu_copy):
    label = np.resize(np.arange(41, dtype=np.uint8), (HEIGHT, WIDTH))
    write_png(nyu_copy / FILES['label'], label)
    loaded = load(nyu_copy)['gt_seg_map']
    expected = [255, *range(40)]
    assert loaded.ravel()[:41].tolist() == expected
    assert np.array_equal(loaded, np.resize(expected, (HEIGHT, WIDTH)))


def test_label_numbers_of_a_paletted_png_are_read(nyu_copy):
    label = np.resize(np.arange(41, dtype=np.uint8), (HEIGHT, WIDTH))
    image = Image.fromarray(label).convert('P')
    image.putpalette([7] * 768)
    image.save(nyu_copy / FILES['label'])
    assert load(nyu_copy)['gt_seg_map'].ravel()[:41].tolist() == [255, *range(40)]


def test_only_the_geometric_fields_join_seg_fields(nyu_root):
    sample = load(nyu_root)
    assert sample['seg_fields'] == ['depth', 'gt_seg_map']
    assert sample['ori_shape'] == sample['img_shape'] == (HEIGHT, WIDTH)


@pytest.mark.parametrize('kind', FILES)
@pytest.mark.parametrize('share', [0, 0.02, 0.6])
def test_truncated_files_are_refused(nyu_copy, kind, share):
    file = nyu_copy / FILES[kind]
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    refuse(nyu_copy, kind, 'unreadable or truncated image')


@pytest.mark.parametrize('kind', FILES)
def test_garbage_is_refused(nyu_copy, kind):
    (nyu_copy / FILES[kind]).write_bytes(np.random.default_rng(0).bytes(500))
    refuse(nyu_copy, kind, 'unreadable or truncated image')


def test_a_header_that_promises_a_gigantic_image_is_refused(nyu_copy):
    file = nyu_copy / FILES['depth']
    data = bytearray(file.read_bytes())
    data[16:24] = (60000).to_bytes(4, 'big') * 2  # width and height in the PNG's header, whose checksum follows it
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, 'big')
    file.write_bytes(data)
    refuse(nyu_copy, 'depth', 'unreadable or truncated image')


@pytest.mark.parametrize('kind', FILES)
def test_a_file_that_vanished_is_named(nyu_copy, kind):
    dataset = NYUDepthV2(
        nyu_copy, 'train', pipeline=[dict(type=f'Load{name}') for name in ('RGB', 'Depth', 'LabelMap')]
    )
    (nyu_copy / FILES[kind]).unlink()
    with pytest.raises(DataError, match=f'{FILES[kind]}: no such file'):
        dataset[0]


COLOUR = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
GREY = COLOUR[..., 0]


@pytest.mark.parametrize(
    ('kind', 'array', 'message'),
    [
        ('rgb', GREY, r'expected an 8-bit RGB image, found uint8 \(24, 32\)'),
        ('rgb', GREY.astype(np.uint16) * 200, r'expected an 8-bit RGB image, found uint16 \(24, 32\)'),
        ('rgb', COLOUR.astype(np.uint16) * 200, r'16 bits per colour, expected 8'),
        ('rgb', np.dstack([COLOUR, GREY]), r'expected an 8-bit RGB image, found uint8 \(24, 32, 4\)'),
        ('depth', GREY, r'expected 16-bit depth in millimetres with one channel, found uint8 \(24, 32\)'),
        ('depth', COLOUR, r'expected 16-bit depth in millimetres with one channel, found uint8 \(24, 32, 3\)'),
        ('depth', GREY[:12].astype(np.uint16), '32x12 pixels, but the sample has 32x24'),
        ('label', GREY.astype(np.uint16), r'expected an 8-bit label map, found uint16 \(24, 32\)'),
        ('label', COLOUR, r'expected an 8-bit label map, found uint8 \(24, 32, 3\)'),
        ('label', GREY[:, :16] // 9, '16x24 pixels, but the sample has 32x24'),
        ('label', np.full_like(GREY, 41), r'label 41, expected 0 \(void\) to 40'),
        ('label', np.full_like(GREY, 255), r'label 255, expected 0 \(void\) to 40'),
    ],
)
def test_images_of_the_wrong_kind_are_refused(nyu_copy, kind, array, message):
    write_png(nyu_copy / FILES[kind], array)
    refuse(nyu_copy, kind, message)


def test_the_highest_label_is_the_data_sets(nyu_root, tmp_path):
    write_png(tmp_path / 'label.png', np.full_like(GREY, 13))
    results = {'label_path': str(tmp_path / 'label.png'), 'num_classes': 13}
    assert (LoadLabelMap()(results)['gt_seg_map'] == 12).all()
    with pytest.raises(DataError, match=r'label 13, expected 0 \(void\) to 12'):
        LoadLabelMap()({**results, 'num_classes': 12})


@pytest.mark.parametrize('loader', [LoadRGB, LoadDepth])
def test_a_sample_without_the_modality_passes_untouched(loader):
    assert loader()({'sample_id': 'a'}) == {'sample_id': 'a'}


def test_a_sample_without_a_label_is_void_throughout():
    results = LoadLabelMap().transform({'num_classes': 40, 'ori_shape': (2, 3)})
    assert results['gt_seg_map'].tolist() == [[255] * 3] * 2
