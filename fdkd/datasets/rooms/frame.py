"""One frame of the data set: a scene as its sensors deliver it."""

from typing import NamedTuple

import numpy as np

from fdkd.datasets.rooms.render import render
from fdkd.datasets.rooms.scene import build_scene
from fdkd.datasets.rooms.sensor import measure, outline, photograph


class Frame(NamedTuple):
    """What the sensors deliver and what it shows, pixel for pixel.

    ``rgb`` is uint8 ``[H, W, 3]``, ``depth`` uint16 ``[H, W]`` in millimetres along the optical axis with 0 = hole, and
    ``label`` uint8 ``[H, W]`` with 0 = void and 1..40 = the 40 classes of NYU-Depth V2.
    """

    rgb: np.ndarray
    depth: np.ndarray
    label: np.ndarray


def render_room(seed: int, width: int = 128, height: int = 96) -> Frame:
    """The furnished room number ``seed``, 0 or more: at any size the same room from the same place."""
    rng = np.random.default_rng(seed)
    view = render(build_scene(rng), width, height)
    return Frame(photograph(view, rng), measure(view, rng), outline(view.label, view.region))
