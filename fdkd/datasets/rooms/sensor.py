"""What real sensors make of a perfect view: exposure and noise of a camera, noise and holes of a Kinect."""

import cv2
import numpy as np

from fdkd.datasets.rooms.render import View


def photograph(view: View, rng: np.random.Generator) -> np.ndarray:
    """The view as uint8 sRGB ``[H, W, 3]``: exposed roughly for its median, a little soft, noisy and tinted."""
    exposure = rng.uniform(0.75, 1.3) * 0.25 / np.median(view.colour)
    tint = rng.normal(1, 0.04, 3)
    image = np.clip(view.colour * exposure * tint, 0, 1) ** (1 / 2.2)
    image = cv2.GaussianBlur(image, (3, 3), 0.5) + rng.normal(0, 0.012, image.shape)
    return np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)


def measure(view: View, rng: np.random.Generator) -> np.ndarray:
    """The view as depth in uint16 millimetres ``[H, W]``, 0 where the sensor knows nothing.

    The noise is the axial one of Nguyen, Izadi and Lovell (3DIMPVT 2012), growing with the square of the distance.
    """
    noise = 0.0012 + 0.0019 * (view.depth - 0.4) ** 2
    depth = view.depth + noise * rng.normal(size=view.depth.shape)
    return np.where(_holes(view, rng), 0, np.round(1000 * depth)).astype(np.uint16)


def _holes(view: View, rng: np.random.Generator) -> np.ndarray:
    """Where no pattern comes back, bool ``[H, W]``: at grazing angles, in shadow, off dull surfaces, by chance."""
    shape = view.depth.shape
    grazing = rng.random(shape) > view.facing / 0.2
    dull = view.dull & (_blotches(shape, rng) > -0.2)
    chance = _blotches(shape, rng) > 2.0
    return grazing | view.unlit | dull | chance


def _blotches(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of mean 0 and variance 1 whose blobs are about a fortieth of the picture wide."""
    sigma = shape[1] / 40
    noise = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), sigma)
    return noise / noise.std()


def outline(label: np.ndarray, region: np.ndarray) -> np.ndarray:
    """The labels with 0 on one pixel along every border between two regions, as people leave it who draw outlines."""
    border = np.zeros(label.shape, bool)
    border[:, :-1] |= region[:, :-1] != region[:, 1:]
    border[:-1] |= region[:-1] != region[1:]
    return np.where(border, 0, label).astype(np.uint8)
