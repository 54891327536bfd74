"""One or several frames of an image, a strip of images, a folder of images or a video."""

import os
import re
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fdkd.datasets.transforms import images, video
from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.errors import ConfigError, DataError
from fdkd.registry import TRANSFORMS

PICKS = ('middle', 'uniform', 'random')


@TRANSFORMS.register_module()
class LoadFrames(ModalityTransform):
    """Reads frames at the modality's path into a tensor: uint8 ``[frames, 3, H, W]`` in RGB.

    The path is an image, a folder of images in the order of their names (numbers in them by value), a strip of images
    from left to right, or a video.

    Args:
        modality: The modality.
        frames: Number of frames; where there are fewer, some repeat.
        pick: ``'middle'`` takes the frame at half the number (``frames`` is 1 then); ``'uniform'`` cuts the time into
            ``frames`` equal segments and takes the middle of each; ``'random'`` draws one within each segment.
        strip_width: Width in pixels of one frame of a strip; ``None`` where the images are no strips.

    Raises:
        ConfigError: If the arguments do not fit together.
        DataError: If there are no frames, a file cannot be read (see :func:`~fdkd.datasets.transforms.images.read_rgb`
            and :func:`~fdkd.datasets.transforms.video.read_video`), frames differ in size, or a strip's width is no
            multiple of ``strip_width``.
    """

    def __init__(self, modality: str, frames: int = 1, pick: str = 'middle', strip_width: int | None = None) -> None:
        super().__init__(modality)
        if pick not in PICKS:
            raise ConfigError(f'LoadFrames: pick={pick!r}, expected one of {", ".join(PICKS)}')
        if frames < 1 or (pick == 'middle' and frames > 1):
            hint = "for several frames say pick='uniform' or 'random'" if frames > 1 else 'expected 1 or more'
            raise ConfigError(f'LoadFrames: frames={frames} with pick={pick!r}; {hint}')
        if strip_width is not None and strip_width < 1:
            raise ConfigError(f'LoadFrames: strip_width={strip_width}, expected 1 pixel or more')
        self.frames, self.pick, self.strip_width = frames, pick, strip_width
        self.random = pick == 'random'

    def apply(self, value: str, sample_id: str) -> Tensor:
        frames = self._read(value)
        if len({frame.shape for frame in frames}) > 1:
            sizes = ', '.join(f'{frame.shape[1]}x{frame.shape[0]}' for frame in frames)
            raise DataError(f'{value}: frames of different sizes ({sizes} pixels), expected one size')
        return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous()

    def _read(self, path: str) -> list[np.ndarray]:
        """The chosen frames, uint8 ``[H, W, 3]`` each."""
        if self.strip_width is not None:
            return self._read_strip(path, self.strip_width)
        if os.path.isdir(path):
            files = list_frames(path)
            return [images.read_rgb(files[index]) for index in self.choose(len(files))]
        if path.lower().endswith(video.SUFFIXES):
            return video.read_video(path, self.choose)
        return [images.read_rgb(path)] * self.frames

    def _read_strip(self, path: str, width: int) -> list[np.ndarray]:
        strip = images.read_rgb(path)
        if strip.shape[1] % width:
            raise DataError(f'{path}: {strip.shape[1]} pixels wide, expected a multiple of strip_width={width}')
        return [strip[:, index * width : (index + 1) * width] for index in self.choose(strip.shape[1] // width)]

    def choose(self, count: int) -> list[int]:
        """Indices of the frames to take of ``count``; torch's global generator decides where they are random."""
        within: Any = torch.rand(self.frames, dtype=torch.float64).numpy() if self.random else 0.5
        indices = (np.arange(self.frames) + within) * (count / self.frames)
        return np.minimum(indices.astype(int), count - 1).tolist()


def list_frames(folder: str) -> list[str]:
    """Paths of the images in a folder, numbers in their names ordered by value.

    Raises:
        DataError: If there is none.
    """
    names = [name for name in os.listdir(folder) if name.lower().endswith(images.SUFFIXES) and name[0] != '.']
    if not names:
        raise DataError(f'{folder}: no frames in it, expected images ({" ".join(images.SUFFIXES)})')
    return [os.path.join(folder, name) for name in sorted(names, key=_by_number)]


def _by_number(name: str) -> tuple[list[str | int], str]:
    parts = re.split(r'([0-9]+)', name)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name
