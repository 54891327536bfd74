"""Pixels of RGB and grey images, and one clear refusal for each other kind."""

import cv2
import numpy as np
import pytest
from PIL import Image

from fdkd.datasets.transforms.images import read_rgb
from fdkd.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
DEEP = PIXELS.astype(np.uint16) * 257


def refuse(path, message):
    with pytest.raises(DataError, match=message) as caught:
        read_rgb(str(path))
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
        ('CMYK', 'jpg', 'an image of mode CMYK, expected 8-bit RGB or grey: convert'),
        ('P', 'png', 'an image of mode P'),
        ('RGBA', 'png', 'an image of mode RGBA'),
        ('LA', 'png', 'an image of mode LA'),
        ('1', 'png', 'an image of mode 1'),
        ('P', 'gif', 'a GIF'),
        ('RGB', 'gif', 'a GIF'),
        ('L', 'gif', 'a GIF'),
    ],
)
def test_other_modes_are_refused(tmp_path, mode, suffix, message):
    path = tmp_path / f'a.{suffix}'
    Image.fromarray(PIXELS).convert(mode).save(path)
    refuse(path, message)


@pytest.mark.parametrize('array', [DEEP, DEEP[..., 0]], ids=['colour', 'grey'])
def test_16_bits_are_refused(tmp_path, array):
    cv2.imwrite(str(tmp_path / 'a.png'), array)
    refuse(tmp_path / 'a.png', '16 bits per value')


@pytest.mark.parametrize('share', [0, 0.05, 0.6])
@pytest.mark.parametrize('suffix', ['png', 'jpg'])
def test_truncated_files_are_refused(tmp_path, suffix, share):
    path = tmp_path / f'a.{suffix}'
    Image.fromarray(np.tile(PIXELS, (8, 8, 1))).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refuse(path, 'unreadable or truncated image')


def test_an_absent_file_is_named(tmp_path):
    refuse(tmp_path / 'a.png', 'no such file')
