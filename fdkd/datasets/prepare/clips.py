"""What a video clip becomes: a sound file and a folder of frames."""

import io
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from fdkd.datasets.prepare.media import RATE, read_audio, read_frames
from fdkd.datasets.prepare.samples import Encoded, Job, Silent, convert
from fdkd.datasets.prepare.tally import Row

#: Pixels of the frames' shorter side: the least that a random crop to 224 is usually taken from.
SHORT_SIDE = 256
VIDEOS = ('.mp4', '.flv', '.mkv', '.webm', '.avi', '.mov')


class Clip(NamedTuple):
    """The files of one clip; both may be the same."""

    video: Path
    audio: Path


def convert_clips(
    dataset: str,
    rows: Sequence[Row],
    clips: Mapping[str, Clip],
    out: Path,
    *,
    files: Mapping[str, bytes],
    absent: str,
    fps: float = 1.0,
    workers: int = 1,
) -> dict[str, Any]:
    """Writes ``audio/NAME.wav`` (16 kHz mono int16), ``frames/NAME/NNN.jpg``, the lists, hashes and ``manifest.json``.

    Args:
        dataset: Name of the data set.
        rows: The lines of all splits.
        clips: Those clips that are there, by name.
        out: The folder to make.
        files: The official lists: name -> content.
        absent: What to tell if no clip is there.
        fps: Frames a second to write.
        workers: Processes to share the work.

    Returns:
        The manifest, see :func:`~fdkd.datasets.prepare.samples.convert`.

    Raises:
        SourceError: If no clip is there or none can be used, or ``out`` is something else.
    """
    settings = {'fps': float(fps), 'short_side': SHORT_SIDE, 'rate': RATE}
    job = Job(dataset, rows, clips, partial(encode_clip, fps=fps), files, settings, absent)
    return convert(job, out, workers)


def encode_clip(name: str, clip: Clip, fps: float) -> Encoded:
    """The files of one clip.

    Raises:
        SourceError: If its sound or its frames cannot be read.
        Silent: If its sound is all zeros.
    """
    samples = np.rint(read_audio(clip.audio) * 32768).clip(-32768, 32767).astype(np.int16)
    if not samples.any():
        raise Silent(f'{clip.audio}: silent')
    frames = read_frames(clip.video, fps, SHORT_SIDE)
    wav = io.BytesIO()
    soundfile.write(wav, samples, RATE, format='WAV', subtype='PCM_16')
    pictures = {f'frames/{name}/{number:03d}.jpg': frame for number, frame in enumerate(frames)}
    return Encoded({f'audio/{name}.wav': wav.getvalue(), **pictures})


def media_by_name(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """The files of a folder and its subfolders that have one of the suffixes, by their names without it.

    Where two have one name, the suffix that stands first counts, then the path.
    """
    paths = [Path(root, name) for root, _, names in os.walk(folder) for name in names]
    ranked = [path for path in paths if path.suffix.lower() in suffixes]
    ranked.sort(key=lambda path: (suffixes.index(path.suffix.lower()), path), reverse=True)
    return {path.stem: path for path in ranked}


def looked_for(folder: Path, rows: Sequence[Row], suffixes: Sequence[str], published: str) -> str:
    """The sentence for a folder that holds none of the clips."""
    names = list(dict.fromkeys(row.name for row in rows))
    some = ', '.join(f'{name}{suffixes[0]}' for name in names[:3])
    others = ', '.join(suffixes[1:])
    return (
        f'{folder}: none of the {len(names):,} listed clips is there, looked in it and its subfolders for {some}, ... '
        f'(or {others}); {published}'
    )
