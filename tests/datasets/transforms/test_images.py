"""Pixels as stored and as RGB, and one clear refusal for each other kind."""

import cv2
import numpy as np
import pytest
from PIL import Image

from fdkd.datasets.transforms.images import oddity, opened, read_image, read_rgb
from fdkd.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
DEEP = PIXELS.astype(np.uint16) * 257


def refuse(path, message, read=read_rgb):
    with pytest.raises(DataError, match=message) as caught:
        read(str(path))
    assert str(caught.value).startswith(f'{path}: ')


def test_rgb_arrives_as_stored(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / 'a.png')
    np.testing.assert_array_equal(read_rgb(str(tmp_path / 'a.png')), PIXELS)


def test_grey_is_repeated(tmp_path):
    Image.fromarray(PIXELS[..., 0]).save(tmp_path / 'a.png')
    found = read_rgb(str(tmp_path / 'a.png'))
    assert found.shape == (6, 8, 3)
    for channel in range(3):
        np.testing.assert_array_equal(found[..., channel], PIXELS[..., 0])


@pytest.mark.parametrize(
    ('mode', 'suffix', 'message'),
    [
        ('CMYK', 'jpg', 'mode CMYK, expected 8-bit RGB or grey: convert'),
        ('P', 'png', 'mode P'),
        ('RGBA', 'png', 'mode RGBA'),
        ('LA', 'png', 'mode LA'),
        ('1', 'png', 'mode 1'),
        ('P', 'gif', 'GIF, expected'),
        ('RGB', 'gif', 'GIF, expected'),
        ('L', 'gif', 'GIF, expected'),
    ],
)
def test_other_modes_are_refused(tmp_path, mode, suffix, message):
    path = tmp_path / f'a.{suffix}'
    Image.fromarray(PIXELS).convert(mode).save(path)
    refuse(path, message)


@pytest.mark.parametrize('array', [DEEP, DEEP[..., 0]], ids=['colour', 'grey'])
def test_16_bits_are_refused(tmp_path, array):
    cv2.imwrite(str(tmp_path / 'a.png'), array)
    refuse(tmp_path / 'a.png', '16 bits, expected 8-bit RGB or grey')


@pytest.mark.parametrize(
    ('image', 'suffix', 'expected'),
    [
        (Image.fromarray(PIXELS), 'png', None),
        (Image.fromarray(PIXELS[..., 0]), 'jpg', None),
        (Image.fromarray(PIXELS).convert('CMYK'), 'jpg', 'mode CMYK'),
        (Image.fromarray(PIXELS[..., 0]), 'gif', 'GIF'),
        (Image.fromarray(DEEP[..., 0]), 'png', '16 bits'),
        (Image.fromarray(DEEP[..., 0].astype(np.int32)), 'tiff', '16 bits'),
    ],
)
def test_oddities(tmp_path, image, suffix, expected):
    image.save(tmp_path / f'a.{suffix}')
    with opened(str(tmp_path / f'a.{suffix}')) as found:
        assert oddity(found) == expected


def test_numbers_of_a_palette_and_16_bit_greys_are_read_as_stored(tmp_path):
    paletted = Image.fromarray(PIXELS[..., 0] // 64).convert('P')
    paletted.putpalette([7] * 768)
    paletted.save(tmp_path / 'a.png')
    np.testing.assert_array_equal(read_image(str(tmp_path / 'a.png')), PIXELS[..., 0] // 64)
    cv2.imwrite(str(tmp_path / 'b.png'), DEEP[..., 0])
    found = read_image(str(tmp_path / 'b.png'))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, DEEP[..., 0])


@pytest.mark.parametrize('channels', [3, 4])
def test_colours_of_16_bits_are_not_read_as_8(tmp_path, channels):
    cv2.imwrite(str(tmp_path / 'a.png'), np.dstack([DEEP, DEEP[..., 0]])[..., :channels])
    refuse(tmp_path / 'a.png', '16 bits per colour, expected 8', read_image)


@pytest.mark.parametrize('share', [0, 0.05, 0.6])
@pytest.mark.parametrize('suffix', ['png', 'jpg'])
@pytest.mark.parametrize('read', [read_image, read_rgb])
def test_truncated_files_are_refused(tmp_path, read, suffix, share):
    path = tmp_path / f'a.{suffix}'
    Image.fromarray(np.tile(PIXELS, (8, 8, 1))).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refuse(path, 'unreadable or truncated image', read)


@pytest.mark.parametrize('read', [read_image, read_rgb])
def test_an_absent_file_is_named(tmp_path, read):
    refuse(tmp_path / 'a.png', 'no such file', read)
