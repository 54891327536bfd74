"""Overlays: half the picture and half the colour, with the names of regions; labels as they are in a PNG."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from fdkd.inference import overlay as module
from fdkd.inference.overlay import encoded, index_png, overlay, seen

CLASSES, PALETTE = ('wall', 'floor', 'bed'), [(200, 0, 0), (0, 200, 0), (0, 0, 200)]


@pytest.fixture
def names(monkeypatch):
    """What is written, and where, instead of writing it."""
    found = []
    monkeypatch.setattr(module, '_write', lambda picture, text, x, y: found.append((text, x, y)))
    return found


def test_colours_cover_half_and_regions_are_named_at_their_middle(names):
    labels = np.zeros((60, 80), np.uint8)
    labels[10:30, 40:70] = 1
    labels[50, 3] = 2  # too small for a name
    mixed = overlay(np.full((60, 80, 3), 100, np.uint8), labels, CLASSES, PALETTE)
    assert mixed[0, 0].tolist() == [150, 50, 50]
    assert mixed[20, 50].tolist() == [50, 150, 50]
    assert mixed[50, 3].tolist() == [50, 50, 150]
    assert [name for name, _, _ in names] == ['wall', 'floor']
    _, x, y = names[1]
    assert labels[y, x] == 1
    assert 45 <= x <= 65
    assert 17 <= y <= 22


def test_names_stand_on_their_regions_in_large_pictures_too(names):
    labels = np.zeros((1400, 2000), np.uint8)
    labels[:, 1500:] = 2
    overlay(np.zeros((1400, 2000, 3), np.uint8), labels, CLASSES, PALETTE)
    assert [(text, labels[y, x]) for text, x, y in names] == [('wall', 0), ('bed', 2)]


def test_names_are_white_on_dark_within_the_picture():
    plain = np.full((100, 160, 3), 128, np.uint8)
    written = overlay(plain, np.zeros((100, 160), np.uint8), CLASSES, [(128, 128, 128)] * 3)
    assert written.max() > 240
    assert written.min() < 60
    module._write(small := np.zeros((5, 4, 3), np.uint8), 'a name that does not fit', 2, 2)
    assert small.shape == (5, 4, 3)


def test_the_png_holds_indices_and_shows_colours():
    labels = np.array([[0, 1], [2, 2]], np.uint8)
    with Image.open(BytesIO(index_png(labels, PALETTE))) as image:
        assert image.mode == 'P'
        assert np.array_equal(np.asarray(image), labels)
        assert np.asarray(image.convert('RGB'))[1, 0].tolist() == [0, 0, 200]


def test_encoded_pictures_are_rgb():
    picture = np.full((8, 8, 3), (250, 10, 10), np.uint8)
    with Image.open(BytesIO(encoded(picture, '.png'))) as image:
        assert np.array_equal(np.asarray(image), picture)


def test_what_is_seen(tmp_path):
    depth = np.array([[0, 1000], [2000, 4000]], np.uint16)
    cv2.imwrite(str(tmp_path / 'd.png'), depth)
    cv2.imwrite(str(tmp_path / 'c.png'), np.full((2, 2, 3), (0, 0, 255), np.uint8))
    assert seen(str(tmp_path / 'c.png'), 'LoadRGB', (2, 2))[0, 0].tolist() == [255, 0, 0]
    shades = seen(str(tmp_path / 'd.png'), 'LoadDepth', (2, 2))[..., 0]
    assert shades[0, 0] == 0
    assert shades[0, 1] > shades[1, 0] > shades[1, 1] > 0
    assert not seen('x', 'Else', (3, 4)).any()
