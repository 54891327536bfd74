"""Why a loader refused a file, in a word: a second look at those few files that were refused."""

import os
from collections.abc import Callable

import numpy as np
import soundfile

from fdkd.datasets.transforms import LoadArray, LoadAudio, LoadFrames, LoadLabelMap
from fdkd.datasets.transforms.frames import list_frames
from fdkd.datasets.transforms.images import read_image, read_rgb
from fdkd.datasets.transforms.video import SUFFIXES, opened_video
from fdkd.errors import DataError


def cause(loader: Callable, path: str) -> str:
    """The kind of finding that a refused file is: ``'missing'``, ``'constant'``, ..., else ``'unreadable'``."""
    if not os.path.exists(path):
        return 'missing'
    kind = next((kind for kind in _CAUSES if isinstance(loader, kind)), None)
    try:
        return (_CAUSES[kind](loader, path) if kind else None) or 'unreadable'
    except Exception:  # whatever is wrong with the file meets this look as well
        return 'unreadable'


def _audio(loader: LoadAudio, path: str) -> str | None:
    samples, rate = soundfile.read(path, dtype='float32', always_2d=True)
    if rate != loader.rate:
        return 'sample rate'
    if samples.shape[1] != 1:
        return 'channels'
    return 'empty' if not samples.size else _odd_values(samples)


def _array(loader: LoadArray, path: str) -> str | None:
    return _odd_values(np.load(path, allow_pickle=False))


def _odd_values(values: np.ndarray) -> str | None:
    if not np.isfinite(values).all():
        return 'not finite'
    return 'constant' if not values.any() else None


def _label_map(loader: LoadLabelMap, path: str) -> str | None:
    label = read_image(path)
    return 'label' if label.dtype == np.uint8 and label.ndim == 2 else None  # a map, so its values are to blame


def _frames(loader: LoadFrames, path: str) -> str | None:
    if os.path.isdir(path):
        try:
            files = list_frames(path)
        except DataError:
            return 'no frames'
        return 'size' if len({read_rgb(file).shape for file in files}) > 1 else None
    if path.lower().endswith(SUFFIXES):
        with opened_video(path) as container:
            return None if container.streams.video else 'no frames'
    return None


_CAUSES: dict[type, Callable] = {LoadAudio: _audio, LoadArray: _array, LoadLabelMap: _label_map, LoadFrames: _frames}
