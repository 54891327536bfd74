"""What the values of one file say: constant, silent, full of holes, out of range."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import soundfile

from fdkd.datasets.transforms import LoadArray, LoadAudio, LoadDepth, LoadFrames, LoadLabelMap, LoadRGB, Tokenize
from fdkd.datasets.transforms.frames import list_frames
from fdkd.datasets.transforms.images import read_rgb
from fdkd.datasets.transforms.video import SUFFIXES
from fdkd.doctor.findings import Remark
from fdkd.labels import VOID

#: A sample of sound at least this large counts as clipped, and a clip from this share of such samples on.
_FULL_SCALE, _CLIPPED = 0.999, 0.001


@dataclass
class Look:
    """What one file says.

    Attributes:
        remarks: What is wrong with this file whatever the others are like.
        marks: By kind what counts only where few samples have it: a number, larger is worse, and words.
        measures: Numbers by name that should not differ much from those of the split's other files.
        constant: Whether it holds one value; such files are alike without being copies.
        classes: int64 ``[K]``, of a label map the pixels of each class.
    """

    remarks: list[Remark] = field(default_factory=list)
    marks: dict[str, tuple[float, str]] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)
    constant: bool = False
    classes: np.ndarray | None = None

    def refuse_constant(self, value: str) -> None:
        """The file holds nothing but one value."""
        self.constant = True
        self.remarks.append(Remark('warning', 'constant', value))


def look_at(loader: Callable, results: dict[str, Any], source: str, limits: Mapping[str, Any]) -> Look:
    """Looks at what a loader made of one file.

    Args:
        loader: The step that read it; what is looked for depends on its class.
        results: What it returned.
        source: Path of the file, or the text.
        limits: The modality's entry in the data preprocessor, of which ``clip`` and ``hole`` count.
    """
    kind = next((kind for kind in _LOOKS if isinstance(loader, kind)), None)
    look = Look()
    if kind:
        _LOOKS[kind](look, loader, results, source, limits)
    elif (value := as_numbers(results.get(getattr(loader, 'modality', None)))) is not None:
        _numbers(look, value)
    return look


def as_numbers(value: Any) -> np.ndarray | None:
    """An array or tensor on the CPU that holds anything as an array, and ``None`` for all else."""
    array = np.asarray(value) if hasattr(value, '__array__') else None
    return array if array is not None and array.size and array.dtype.kind in 'biuf' else None


def _numbers(look: Look, value: np.ndarray) -> None:
    finite = value.dtype.kind != 'f' or bool(np.isfinite(value).all())
    if not finite:
        look.remarks.append(Remark('error', 'not finite', f'{np.count_nonzero(~np.isfinite(value))} of {value.size}'))
    elif value.min() == value.max():
        look.refuse_constant(f'all {value.size} values are {value.flat[0]:g}')
    else:
        look.measures.update(mean=float(value.mean()), std=float(value.std()))


def _rgb(look: Look, loader: LoadRGB, results: dict[str, Any], path: str, limits: Mapping[str, Any]) -> None:
    _pictures(look, [results['img']])


def _frames(look: Look, loader: LoadFrames, results: dict[str, Any], path: str, limits: Mapping[str, Any]) -> None:
    """All frames of a folder or a strip; of a video those that the loader took, which decodes the others as well."""
    if os.path.isdir(path):
        _pictures(look, map(read_rgb, list_frames(path)))
    elif path.lower().endswith(SUFFIXES):
        _pictures(look, results[loader.modality].permute(0, 2, 3, 1).numpy())
    else:
        image = read_rgb(path)
        _pictures(look, np.split(image, image.shape[1] // loader.strip_width, 1) if loader.strip_width else [image])


def _pictures(look: Look, frames: Iterable[np.ndarray]) -> None:
    """``frames`` are uint8 ``[H, W, 3]`` each."""
    colours, brightness, power, number, sizes = [], [], [], 0, {}
    for number, frame in enumerate(frames, 1):
        mean, std = cv2.meanStdDev(frame)
        brightness.append(mean.mean())
        power.append((mean**2 + std**2).mean())
        sizes.setdefault(frame.shape[:2], number)
        if std.max() < 0.01 and (frame == frame[:1, :1]).all():
            colours.append((number, tuple(frame[0, 0].tolist())))
    if len(sizes) > 1:
        shown = ', '.join(f'{width}x{height} from frame {first}' for (height, width), first in sizes.items())
        look.remarks.append(Remark('error', 'size', f'frames of different sizes: {shown}'))
    if len(colours) == number:
        first = colours[0][1]
        many = f'all {number} frames are of one colour each, the first of {first}'
        look.refuse_constant(many if number > 1 else f'all pixels are {first}')
        return
    if colours:
        first, colour = colours[0]
        text = f'{len(colours)} of {number} frames are of one colour, first frame {first}: {colour}'
        look.marks['constant frames'] = (len(colours) / number, text)
    mean = float(np.mean(brightness))
    look.measures.update(brightness=mean, contrast=float(np.sqrt(max(np.mean(power) - mean**2, 0))))
    if number > 1:
        look.measures['frames'] = number


def _depth(look: Look, loader: LoadDepth, results: dict[str, Any], path: str, limits: Mapping[str, Any]) -> None:
    depth, hole = results['depth'], limits.get('hole')
    valid = depth if hole is None else depth[depth != hole]
    look.measures['holes'] = 1 - valid.size / depth.size
    if not valid.size:
        look.refuse_constant('all pixels are holes')
        return
    low, high = float(valid.min()), float(valid.max())
    if low == high:
        look.refuse_constant(f'all measured pixels are {low:g} m')
    look.measures['metres'] = float(valid.mean(dtype=np.float64))
    least, most = limits.get('clip') or (low, high)
    if low < least or high > most:
        share = float(np.mean((valid < least) | (valid > most)))
        text = f'{share:.2%} of the measured pixels are beyond {least:g} to {most:g} m: {low:g} to {high:g} m'
        look.marks['range'] = (share, text)


def _label_map(look: Look, loader: LoadLabelMap, results: dict[str, Any], path: str, limits: Mapping[str, Any]) -> None:
    counts = np.bincount(results['gt_seg_map'].ravel(), minlength=VOID + 1)
    look.classes, look.measures['void'] = counts[: results['num_classes']], float(counts[VOID] / counts.sum())
    look.constant = np.count_nonzero(counts) == 1
    if counts[VOID] == counts.sum():
        look.remarks.append(Remark('warning', 'void', 'every pixel is void'))


def _audio(look: Look, loader: LoadAudio, results: dict[str, Any], path: str, limits: Mapping[str, Any]) -> None:
    wave, seconds = results[loader.modality], soundfile.info(path).duration
    if wave.min() == wave.max():
        look.refuse_constant(f'all samples are {wave[0]:g}')
        return
    peak, clipped = float(np.abs(wave).max()), float(np.mean(np.abs(wave) >= _FULL_SCALE))
    look.measures.update(seconds=seconds, level=float(20 * np.log10(wave.std(dtype=np.float64))))
    if peak > 1:
        look.remarks.append(Remark('warning', 'range', f'peaks at {peak:.2f}, full scale is 1'))
    elif clipped >= _CLIPPED:
        look.marks['clipped'] = (clipped, f'{clipped:.1%} of the samples are at full scale')
    wanted = loader.seconds
    if wanted is not None and seconds < wanted:
        look.marks['short'] = (wanted - seconds, f'{seconds:.3f} s, repeated from the start to fill {wanted:g} s')
    elif wanted is not None and seconds > wanted:
        look.marks['cut'] = (seconds - wanted, f'{seconds:.3f} s, the end beyond {wanted:g} s is not used')


def _array(look: Look, loader: LoadArray, results: dict[str, Any], path: str, limits: Mapping[str, Any]) -> None:
    _numbers(look, results[loader.modality])


def _text(look: Look, loader: Tokenize, results: dict[str, Any], text: str, limits: Mapping[str, Any]) -> None:
    tokens = len(results[loader.modality])
    look.measures['tokens'] = tokens
    if not text.strip():
        look.constant = True
        look.remarks.append(Remark('warning', 'empty', 'a text without a word'))
    elif tokens == loader.max_length:
        look.marks['cut'] = (len(text), f'{len(text)} characters fill all {tokens} tokens: the end may be cut')


_LOOKS: dict[type, Callable] = {
    LoadRGB: _rgb,
    LoadDepth: _depth,
    LoadLabelMap: _label_map,
    LoadFrames: _frames,
    LoadAudio: _audio,
    LoadArray: _array,
    Tokenize: _text,
}
