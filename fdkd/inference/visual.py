"""Images, clips, videos and cameras for students that see colours, and depth maps."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from fdkd.datasets.transforms.arrays import read_array
from fdkd.errors import DataError
from fdkd.inference.kinds import IMAGES, VIDEO, Kind
from fdkd.inference.sources import Shot, Source, single
from fdkd.inference.video import RATE, camera_frames, video_frames, video_length

_WEBCAM = re.compile(r'webcam(?::(\d+))?')


class Colours(Kind):
    """For ``LoadRGB``: every image and every frame is a shot."""

    SUFFIXES: ClassVar[tuple[str, ...]] = (*IMAGES, *VIDEO)
    EXPECTED: ClassVar[str] = (
        'images (.png, .jpg, ...), folders of these, videos (.mp4, ...), webcam:0, or uint8 arrays [H, W, 3] in RGB'
    )

    def _named(self, given: str | Path) -> Iterator[Source]:
        if (camera := _WEBCAM.fullmatch(str(given))) and set(VIDEO) <= set(self.SUFFIXES):
            number, stride = int(camera[1] or 0), self.reading.stride or 1
            frames = partial(_shots, partial(camera_frames, number, stride))
            yield Source(f'webcam_{number}', f'webcam:{number}', frames, count=None, fps=RATE / stride, live=True)
        else:
            yield from super()._named(given)

    def _file(self, path: Path) -> Iterator[Source]:
        if path.suffix.lower() in VIDEO and self._frame_by_frame():
            stride = self.reading.stride or 1
            count, rate = video_length(str(path))
            frames = partial(_shots, partial(video_frames, str(path), stride))
            yield Source(path.stem, str(path), frames, path, path.stem, -(-count // stride), rate / stride)
        else:
            yield from super()._file(path)

    def _frame_by_frame(self) -> bool:
        return True

    def _value(self, given: Any) -> Source:
        pixels = np.asarray(given)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise DataError(f'an array {pixels.dtype} {list(pixels.shape)}, expected uint8 [H, W, 3] in RGB')
        return single('array', 'array', partial(_picture, pixels))


class Frames(Colours):
    """For ``LoadFrames``: videos, and folders where they are meant so, are clips, of which the step chooses frames."""

    EXPECTED: ClassVar[str] = (
        'images or strips of frames (.png, .jpg, ...), videos (.mp4, ...), folders of these or, with clips, of '
        'frames, webcam:0, or uint8 arrays [H, W, 3] or [T, H, W, 3] in RGB'
    )

    def _frame_by_frame(self) -> bool:
        return self.reading.stride is not None

    def _folder(self, folder: Path) -> Iterator[Source]:
        if not self.reading.clips:
            yield from super()._folder(folder)
            return
        holds_frames = any(path.suffix.lower() in IMAGES for path in folder.iterdir())
        clips = [folder] if holds_frames else sorted(path for path in folder.iterdir() if path.is_dir())
        if not clips:
            raise self._refused(f'{folder}: a folder without frames and without folders of frames')
        for clip in clips:
            yield single(clip.absolute().name, str(clip), partial(_as_it_is, str(clip)), clip)

    def _value(self, given: Any) -> Source:
        pixels = np.asarray(given)
        if pixels.ndim != 4 or pixels.dtype != np.uint8 or pixels.shape[3] != 3 or not pixels.size:
            return super()._value(given)
        return single('array', 'array', partial(_clip, pixels))


class Strips(Colours):
    """For ``LoadFrames`` of strips: the frames of a clip side by side in one image."""

    SUFFIXES: ClassVar[tuple[str, ...]] = IMAGES
    EXPECTED: ClassVar[str] = (
        'strips, images of frames from left to right (.png, .jpg, ...), folders of these, or uint8 arrays [H, W, 3] in '
        'RGB'
    )


class Depth(Kind):
    """For ``LoadDepth``."""

    SUFFIXES: ClassVar[tuple[str, ...]] = (*IMAGES, '.npy')
    EXPECTED: ClassVar[str] = (
        '16-bit images (.png) or .npy files, in millimetres and 0 where nothing was measured, folders of these, or '
        'uint16 arrays [H, W]'
    )

    def _file(self, path: Path) -> Iterator[Source]:
        if path.suffix.lower() == '.npy':
            yield single(path.stem, str(path), lambda place: _depth(read_array(str(path)), str(path), place), path)
        else:
            yield from super()._file(path)

    def _value(self, given: Any) -> Source:
        return single('array', 'array', partial(_depth, np.asarray(given), 'an array'))


def _shots(frames: Callable[[], Iterator[tuple[float, np.ndarray]]]) -> Iterator[Shot]:
    for time, pixels in frames():
        yield Shot(partial(_picture, pixels), time)


def _as_it_is(path: str, place: Path) -> str:
    return path


def _picture(pixels: np.ndarray, place: Path) -> str:
    """An image file without loss, of the format that costs the least time."""
    return _written(pixels[..., ::-1], place, 'frame.bmp')


def _clip(pixels: np.ndarray, place: Path) -> str:
    for number, frame in enumerate(pixels):
        _written(frame[..., ::-1], place, f'{number:06d}.bmp')
    return str(place)


def _depth(depth: np.ndarray, shown: str, place: Path) -> str:
    if depth.dtype != np.uint16 or depth.ndim != 2 or not depth.size:
        raise DataError(
            f'{shown}: {depth.dtype} {list(depth.shape)}, expected uint16 [H, W] in millimetres; of metres make '
            'np.rint(1000 * depth).astype(np.uint16)'
        )
    return _written(depth, place, 'depth.png')


def _written(pixels: np.ndarray, place: Path, name: str) -> str:
    place.mkdir(exist_ok=True)
    path = place / name
    path.write_bytes(cv2.imencode(path.suffix, np.ascontiguousarray(pixels))[1].tobytes())
    return str(path)
