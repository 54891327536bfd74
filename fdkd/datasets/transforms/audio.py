"""Waveforms: reading them strictly, and making them harder to hear."""

import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.errors import ConfigError, DataError
from fdkd.registry import TRANSFORMS

#: Samples of the longest clip that is read, four hours at 16 kHz: room for a clip is made as its header says.
_LONGEST = 2**28


def read_waveform(path: str, rate: int) -> np.ndarray:
    """The samples of a mono audio file, float32 ``[samples]`` with full scale at -1 and 1.

    Raises:
        DataError: If the file is absent, unreadable, truncated, empty or silent, or has another rate or more than one
            channel.
    """
    if not os.path.isfile(path):
        raise DataError(f'{path}: no such file')
    try:
        with soundfile.SoundFile(path) as file:
            found, expected = file.samplerate, file.frames
            if expected * file.channels > _LONGEST:
                raise DataError(f'{path}: states {expected:,} samples in {file.channels} channels, which no clip has')
            samples = file.read(dtype='float32', always_2d=True)
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:  # TypeError for a file called .raw
        raise DataError(f'{path}: unreadable or truncated audio ({error})') from error
    if found != rate:
        raise DataError(f'{path}: {found} Hz, expected {rate} Hz: convert the data with `fdkd prepare`')
    if samples.shape[1] != 1:
        raise DataError(f'{path}: {samples.shape[1]} channels, expected mono: convert with `fdkd prepare`')
    if len(samples) < expected or _is_cut_wav(path):
        raise DataError(f'{path}: truncated, {len(samples)} samples are there: copy or convert the file again')
    if not samples.size:
        raise DataError(f'{path}: empty, no samples in it: leave this clip out of the lists')
    if not np.isfinite(samples).all():
        raise DataError(f'{path}: not all samples are finite numbers: convert the file again')
    if not samples.any():
        raise DataError(f'{path}: silent, all {len(samples)} samples are zero: leave this clip out of the lists')
    return samples[:, 0]


def _is_cut_wav(path: str) -> bool:
    """Whether a WAV file ends within its ``data`` chunk, which libsndfile reads as a shorter clip without complaint."""
    size = Path(path).stat().st_size
    with open(path, 'rb') as file:
        header = file.read(12)
        if header[:4] != b'RIFF' or header[8:] != b'WAVE':
            return False
        while len(chunk := file.read(8)) == 8:
            length = int.from_bytes(chunk[4:], 'little')
            if chunk[:4] == b'data':
                unknown = 0xFFFFFFFF  # what a program writes that could not go back to the header
                return length != unknown and file.tell() + length > size
            file.seek(length + length % 2, os.SEEK_CUR)
    return False


@TRANSFORMS.register_module()
class LoadAudio(ModalityTransform):
    """Reads the file at the modality's path into a waveform: float32 ``[samples]``, full scale at -1 and 1.

    Args:
        modality: The modality.
        rate: Samples per second that the file must have.
        seconds: Length of every clip: shorter ones are repeated from their start, longer ones lose their end. ``None``
            keeps each clip's own length.

    Raises:
        ConfigError: If ``seconds`` is not above 0.
        DataError: As :func:`read_waveform`.
    """

    def __init__(self, modality: str, rate: int = 16000, seconds: float | None = None) -> None:
        super().__init__(modality)
        if seconds is not None and not round(seconds * rate) > 0:
            raise ConfigError(f'LoadAudio: seconds={seconds}, expected a length above 0')
        self.rate, self.seconds = rate, seconds

    def apply(self, value: str, sample_id: str) -> np.ndarray:
        samples = read_waveform(value, self.rate)
        return samples if self.seconds is None else np.resize(samples, round(self.seconds * self.rate))


@TRANSFORMS.register_module()
class AddNoise(ModalityTransform):
    """Adds white Gaussian noise to a waveform ``[samples]`` (float32, which it stays; it may exceed full scale).

    The noise depends on the sample's id alone, so that a clip sounds the same in every epoch, run and evaluation, and
    is scaled so that the clip's mean power is exactly ``snr_db`` above the noise's.

    Args:
        modality: The modality.
        snr_db: Signal-to-noise ratio in decibels: 0 is as much noise as signal, less is noisier.

    Raises:
        ConfigError: If ``snr_db`` is not a finite number.
    """

    def __init__(self, modality: str, snr_db: float) -> None:
        super().__init__(modality)
        if not math.isfinite(snr_db):
            raise ConfigError(f'AddNoise: snr_db={snr_db}, expected a finite number of decibels')
        self.snr_db = snr_db

    def apply(self, value: Any, sample_id: str) -> np.ndarray:
        clip = np.asarray(value, np.float64)
        # RandomState and not a Generator: NumPy promises that its numbers never change between versions.
        noise = np.random.RandomState(zlib.crc32(sample_id.encode())).standard_normal(clip.shape)
        power = np.square(clip).mean() / np.square(noise).mean() / 10 ** (self.snr_db / 10)
        return (clip + np.sqrt(power) * noise).astype(np.float32)
