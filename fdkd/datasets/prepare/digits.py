"""Digits: real handwritten digits, each beside a generated sound of its class, for demos and tests.

The images are the 1797 that scikit-learn brings along (a copy of the test part of the UCI's "Optical Recognition of
Handwritten Digits", Alpaydin and Kaynak, 1998): 8x8 pixels with 17 levels of grey, here enlarged to 32x32. To each
belongs a clip of three tones, of which :data:`TUNES` holds the order. Four pitches make all ten tunes, so that no
single tone gives a class away, and each clip has its own pitch, tempo, loudness and noise. Image and clip have the
class in common and nothing else.

The same seed gives the same samples with the same versions of NumPy and OpenCV.
"""

import io
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile

from fdkd.datasets.prepare.partial import PartialFolder, finished
from fdkd.datasets.prepare.progress import progress_bar
from fdkd.version import __version__

RATE = 16000
SAMPLES = 8000  # 0.5 s
SIZE = 32
TEST = 360
#: The tune of each digit: three of the four :data:`PITCHES`.
TUNES = (
    *((0, 1, 2), (2, 1, 0), (1, 3, 0), (3, 0, 1), (0, 3, 2)),
    *((2, 0, 3), (3, 2, 1), (1, 2, 3), (2, 3, 1), (1, 0, 2)),
)
PITCHES = (440.0, 523.3, 622.3, 740.0)  # Hz, three semitones apart
# Counts up when the same seed starts to give other samples, so that results on old and new ones are never mixed up.
_GENERATOR = 1


def write_digits(out: Path, seed: int = 0) -> dict[str, Any]:
    """Writes the digits once: a second call with the same seed changes nothing, one after a kill continues.

    ``image/NNNN.png`` (8-bit grey, 32x32), ``audio/NNNN.wav`` (16 kHz mono int16, 0.5 s), ``digits.csv`` (``id``,
    ``label``, ``split``), ``SHA256SUMS`` and ``manifest.json``. 360 samples, of each digit its share, are for testing.

    Args:
        out: The folder to make.
        seed: Any integer of 0 or more; another one gives other sounds and another split.

    Returns:
        The manifest.

    Raises:
        SourceError: If ``out`` is something else.
        OSError: If a file cannot be written.
    """
    out, fingerprint = Path(out).resolve(), {'generator': _GENERATOR, 'seed': seed}
    if manifest := finished(out, fingerprint):
        return manifest
    images, labels = _handwritten()
    splits = draw_splits(labels, seed)
    partial = PartialFolder(out, fingerprint)
    partial.begin()
    rows = ['id,label,split']
    with progress_bar('Writing', len(labels), len(partial.samples)) as advance:
        for number, (image, label, split) in enumerate(zip(images, labels, splits, strict=True), 1):
            name = f'{number:04d}'
            rows.append(f'{name},{label},{split}')
            if name not in partial.samples:
                sound = tune(int(label), np.random.default_rng([seed, number]))
                partial.add(name, {f'image/{name}.png': _png(image), f'audio/{name}.wav': _wav(sound)})
                advance(1)
    manifest = {
        'dataset': 'digits',
        'fdkd_version': __version__,
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'samples': {split: int((splits == split).sum()) for split in ('train', 'test')},
    }
    return partial.finish({'digits.csv': '\n'.join([*rows, '']).encode()}, manifest)


def draw_splits(labels: np.ndarray, seed: int) -> np.ndarray:
    """``'train'`` or ``'test'`` for each sample: :data:`TEST` of them for testing, of each class its share.

    Args:
        labels: int ``[N]``.
        seed: Seed of the choice.
    """
    classes, counts = np.unique(labels, return_counts=True)
    shares = counts * TEST / len(labels)
    quotas = shares.astype(int)
    quotas[np.argsort(quotas - shares, kind='stable')[: TEST - quotas.sum()]] += 1  # to those that lost most
    splits, generator = np.full(len(labels), 'train'), np.random.default_rng(seed)
    for label, quota in zip(classes, quotas, strict=True):
        splits[generator.permutation(np.flatnonzero(labels == label))[:quota]] = 'test'
    return splits


def tune(digit: int, generator: np.random.Generator) -> np.ndarray:
    """A clip of the digit's tune.

    The whole tune is moved by up to two semitones, which is more than half the step between two pitches; its tones last
    80 to 130 ms each, start at a random time, and have a weak second harmonic. White noise lies 0 to 10 dB above them.

    Args:
        digit: 0..9.
        generator: What the clip's own properties are drawn from.

    Returns:
        float64 ``[8000]`` in [-1, 1].
    """
    shift = 2 ** (generator.uniform(-2, 2) / 12)
    lengths = generator.integers(1280, 2081, 3)
    position = generator.integers(0, SAMPLES - lengths.sum() + 1)
    clean = np.zeros(SAMPLES)
    for pitch, length in zip(TUNES[digit], lengths, strict=True):
        phase = 2 * np.pi * (PITCHES[pitch] * shift * np.arange(length) / RATE + generator.uniform())
        fade = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 0.5
        clean[position : position + length] = fade * (np.sin(phase) + 0.3 * np.sin(2 * phase))
        position += length
    noise = generator.normal(size=SAMPLES)
    noise *= 10 ** (generator.uniform(0, 10) / 20) * np.sqrt((clean**2).mean() / (noise**2).mean())
    sound = clean + noise
    return generator.uniform(0.2, 0.9) * sound / np.abs(sound).max()


def _handwritten() -> tuple[np.ndarray, np.ndarray]:
    """Images ``[1797, 8, 8]`` of values 0..16, and the digits ``[1797]``."""
    from sklearn.datasets import load_digits  # slow to import

    digits = load_digits()
    return digits.images, digits.target


def _png(image: np.ndarray) -> bytes:
    large = cv2.resize(image * (255 / 16), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode('.png', np.rint(large.clip(0, 255)).astype(np.uint8))[1].tobytes()


def _wav(sound: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.rint(sound * 32767).astype(np.int16), RATE, format='WAV', subtype='PCM_16')
    return file.getvalue()
