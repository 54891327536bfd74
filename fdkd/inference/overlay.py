"""Label maps as pictures: over what the student saw, and as an image file of indices."""

from collections.abc import Sequence
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from fdkd.datasets.transforms.images import read_rgb
from fdkd.datasets.transforms.loading import LoadDepth
from fdkd.evaluation.picture import colourise, depth_image

#: How much of the colours is the classes'.
_OPACITY = 0.5
#: Pixels, of the longer side, among which regions are looked for.
_LOOKED_AT = 640
#: Share of the picture from which on a region is named, and the height of its name.
_NAMED, _LETTERS = 0.01, 0.04


def seen(value: str, kind: str, size: tuple[int, int]) -> np.ndarray:
    """What a person sees of an input: uint8 ``[H, W, 3]`` in RGB.

    Args:
        value: What the pipeline's first step read.
        kind: The name of its class; of one that is unknown the picture is black.
        size: ``(H, W)``.
    """
    if kind == 'LoadRGB':
        return read_rgb(value)
    if kind == 'LoadDepth':
        return depth_image(LoadDepth().transform({'depth_path': value})['depth'])
    return np.zeros((*size, 3), np.uint8)


def overlay(
    picture: np.ndarray, labels: np.ndarray, classes: Sequence[str], palette: Sequence[Sequence[int]]
) -> np.ndarray:
    """``picture`` half covered by the colours of the classes, and the names of the larger regions.

    Args:
        picture: uint8 ``[H, W, 3]`` in RGB.
        labels: uint8 ``[H, W]``.
        classes: Names of the classes.
        palette: Their RGB colours.
    """
    mixed = cv2.addWeighted(picture, 1 - _OPACITY, colourise(labels, palette), _OPACITY, 0)
    step = max(1, max(labels.shape) // _LOOKED_AT)
    coarse = labels[::step, ::step]
    for label in np.unique(coarse):
        for x, y in _regions(coarse == label):
            _write(mixed, classes[label], x * step, y * step)
    return mixed


def index_png(labels: np.ndarray, palette: Sequence[Sequence[int]]) -> bytes:
    """A PNG file whose pixels are the labels themselves, shown in the colours of the palette."""
    image = Image.fromarray(labels)
    image.putpalette([value for colour in palette for value in colour])
    file = BytesIO()
    image.save(file, 'PNG', optimize=True)
    return file.getvalue()


def encoded(picture: np.ndarray, suffix: str) -> bytes:
    """An RGB picture as the bytes of a ``.jpg`` or ``.png`` file."""
    return cv2.imencode(suffix, picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def _regions(mask: np.ndarray) -> list[tuple[int, int]]:
    """The innermost points ``(x, y)`` of the connected parts of a mask that are large enough to be named."""
    _, parts, found, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    points = []
    for part, (left, top, width, height, area) in enumerate(found[1:], 1):
        if area >= _NAMED * mask.size:
            box = parts[top : top + height, left : left + width] == part
            depth = cv2.distanceTransform(np.pad(box, 1).astype(np.uint8), cv2.DIST_L2, 3)
            y, x = np.unravel_index(depth.argmax(), depth.shape)
            points.append((int(left + x) - 1, int(top + y) - 1))
    return points


def _write(picture: np.ndarray, text: str, x: int, y: int) -> None:
    """Writes a name around a point, white with a dark rim, as far as possible within the picture."""
    height, width = picture.shape[:2]
    text = text.encode('ascii', 'replace').decode()  # OpenCV's letters
    scale = max(0.35, _LETTERS * height / 22)  # at scale 1 its capitals are 22 pixels high
    font, thick = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(1.5 * scale))
    (wide, high), _ = cv2.getTextSize(text, font, scale, thick)
    place = (min(max(x - wide // 2, 1), max(width - wide - 1, 1)), min(max(y + high // 2, high + 1), height - 2))
    rim = max(1, round(scale))
    for dx, dy in ((-rim, 0), (rim, 0), (0, -rim), (0, rim)):
        cv2.putText(picture, text, (place[0] + dx, place[1] + dy), font, scale, (0, 0, 0), thick, cv2.LINE_AA)
    cv2.putText(picture, text, place, font, scale, (255, 255, 255), thick, cv2.LINE_AA)
