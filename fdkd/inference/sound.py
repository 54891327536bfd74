"""Sound for students that hear: of files, of videos, and in memory."""

from collections.abc import Iterator, Sequence
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import soundfile
from torch import Tensor

from fdkd.datasets.prepare.media import read_audio
from fdkd.errors import DataError
from fdkd.inference.kinds import SOUNDS, VIDEO, Kind
from fdkd.inference.sources import Source, single

#: Of files that state how long they are, as the loader compares it; others only estimate it.
_EXACT = ('.wav', '.flac')


class Sound(Kind):
    """For ``LoadAudio``: files that are as it wants them go to it as they are; of others it gets what
    ``fdkd prepare`` makes of them, mono int16 at its rate."""

    SUFFIXES: ClassVar[Sequence[str]] = (*SOUNDS, *VIDEO)
    EXPECTED: ClassVar[str] = (
        'sound (.wav, .flac, .mp3, ...), videos with sound (.mp4, ...), folders of these, or pairs of an array '
        '[samples] and its samples a second'
    )

    def _file(self, path: Path) -> Iterator[Source]:
        yield single(path.stem, str(path), partial(_fitting, path, self.loader.rate), path)

    def _is_value(self, given: Any) -> bool:
        is_pair = isinstance(given, (tuple, list)) and len(given) == 2
        return super()._is_value(given) or (is_pair and super()._is_value(given[0]) and isinstance(given[1], Integral))

    def _value(self, given: Any) -> Source:
        if super()._is_value(given):
            raise DataError('an array of sound without its samples a second, expected the pair (array, 16000)')
        samples, rate = np.asarray(given[0]), int(given[1])
        if samples.dtype.kind != 'f' and samples.dtype != np.int16:
            raise DataError(f'sound as {samples.dtype}, expected float in -1..1 or int16')
        if samples.ndim not in (1, 2) or not samples.size or rate < 1:
            raise DataError(f'sound {list(samples.shape)} at {rate} Hz, expected [samples] or [samples, channels]')
        return single('array', 'array', partial(_of_array, samples, rate, self.loader.rate))

    def remark(self, value: str, x: Tensor) -> str | None:
        seconds = self.loader.seconds
        if seconds is not None and soundfile.info(value).frames > round(seconds * self.loader.rate):
            return f'longer than {seconds:g} s, of which the student hears the start alone, as in its training'
        return None


def _fits(path: Path, rate: int) -> bool:
    try:
        found = soundfile.info(str(path))
    except soundfile.SoundFileError:
        return False  # FFmpeg may know it, and else says what is wrong
    return (found.samplerate, found.channels) == (rate, 1)


def _fitting(path: Path, rate: int, place: Path) -> str:
    if path.suffix.lower() in _EXACT and _fits(path, rate):
        return str(path)
    samples = np.rint(read_audio(path, rate) * 32768).clip(-32768, 32767).astype(np.int16)
    return _written(samples, rate, place, 'fitting.wav')


def _of_array(samples: np.ndarray, rate: int, wanted: int, place: Path) -> str:
    path = _written(samples if samples.dtype == np.int16 else samples.astype(np.float32), rate, place, 'given.wav')
    return _fitting(Path(path), wanted, place)


def _written(samples: np.ndarray, rate: int, place: Path, name: str) -> str:
    place.mkdir(exist_ok=True)
    path = place / name
    soundfile.write(path, samples, rate, subtype='PCM_16' if samples.dtype == np.int16 else 'FLOAT')
    return str(path)
