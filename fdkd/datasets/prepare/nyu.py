"""NYU-Depth V2's labelled set (Silberman et al., ECCV 2012) as one JPEG and two PNGs a frame."""

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fdkd.datasets.nyu_depth_v2 import CLASSES
from fdkd.datasets.prepare.files import SourceError, sha256
from fdkd.datasets.prepare.nyu_source import LabeledFile, frames_in_words, open_sources
from fdkd.datasets.prepare.partial import PartialFolder, finished
from fdkd.datasets.prepare.progress import progress_bar
from fdkd.version import __version__

SIZE = (640, 480)
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95]


def convert_nyu(mat: Path, splits: Path, mapping: Path, out: Path, size: tuple[int, int] = SIZE) -> dict[str, Any]:
    """Writes the labelled set in the layout that :class:`~fdkd.datasets.nyu_depth_v2.NYUDepthV2` reads.

    ``rgb/NNNN.jpg`` (quality 95), ``depth/NNNN.png`` (uint16, millimetres), ``label40/NNNN.png`` (uint8, 0 = void,
    1..40), ``train.txt``, ``test.txt``, ``classes40.csv``, ``SHA256SUMS`` and ``manifest.json``; NNNN is the official
    1-based frame. Works frame by frame: one frame's colours, depth and labels are in memory at a time, whatever the
    file's size. Depth and labels are read once before anything is written, to report every bad frame at once.

    The work is done in ``OUT.partial``, which a killed run leaves and the next call continues. A finished ``out`` made
    from the same files at the same size is left as it is. The large file is known by its length and shapes alone, since
    hashing it would mean reading its 2.8 GB once more; every written file is hashed.

    Args:
        mat: ``nyu_depth_v2_labeled.mat``; frames, pixels and raw classes may be fewer or more than the official ones.
        splits: ``splits.mat``.
        mapping: ``classMapping40.mat``.
        out: The folder to make.
        size: Width and height to write, at most those of the file. Colours are averaged over areas; depth and labels
            take the nearest pixel, so that no value appears that is not in the file.

    Returns:
        The manifest.

    Raises:
        SourceError: If a file is not what it should be, listing all that is wrong, or ``out`` is something else.
        OSError: If a file is missing or cannot be written.
    """
    out = Path(out).resolve()
    manifest = finished_nyu(mat, splits, mapping, out, size)
    if manifest is not None:
        return manifest
    with open_sources(Path(mat), Path(splits), Path(mapping)) as (labeled, frames, classes):
        if size[0] > labeled.width or size[1] > labeled.height:
            have = f'{labeled.width}x{labeled.height}'
            raise SourceError(f'{mat}: its frames are {have}, expected at least the {size[0]}x{size[1]} to be written')
        sources = _describe(mat, splits, mapping)
        partial = PartialFolder(out, {**_fingerprint(sources, size), 'shapes': labeled.shapes})
        if not partial.begun:
            _check_values(labeled)
        partial.begin()
        with progress_bar('Converting', labeled.frames, len(partial.samples)) as advance:
            for frame in range(1, labeled.frames + 1):
                if _name(frame) not in partial.samples:
                    files, pixels = encode_frame(labeled, frame, classes.table, size)
                    partial.add(_name(frame), files, pixels=pixels)
                    advance(1)
        return _finish(partial, frames, size, sources)


def finished_nyu(
    mat: Path, splits: Path, mapping: Path, out: Path, size: tuple[int, int] = SIZE
) -> dict[str, Any] | None:
    """The manifest of ``out`` if :func:`convert_nyu` made it at this size from these files, or ``None`` if it is free.

    Files that do not exist any more are not compared.

    Raises:
        SourceError: If ``out`` is something else.
    """
    return finished(Path(out).resolve(), _fingerprint(_describe(mat, splits, mapping), size))


def encode_frame(
    labeled: LabeledFile, frame: int, table: np.ndarray, size: tuple[int, int]
) -> tuple[dict[str, bytes], list[int]]:
    """The three files of one frame.

    Args:
        labeled: The open labelled set.
        frame: The 1-based frame.
        table: uint8 ``[R + 1]``: raw class to 0..40.
        size: Width and height to write.

    Returns:
        Name -> encoded bytes of the files, and the number of written pixels of each class 0..40.
    """
    depth = np.rint(labeled.depth(frame).astype(np.float64) * 1000).astype(np.uint16)
    label = _nearest(table[labeled.labels(frame)], size)
    rgb = cv2.resize(np.ascontiguousarray(labeled.rgb(frame)), size, interpolation=cv2.INTER_AREA)
    name = _name(frame)
    files = {
        f'rgb/{name}.jpg': cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), _JPEG)[1].tobytes(),
        f'depth/{name}.png': cv2.imencode('.png', _nearest(depth, size))[1].tobytes(),
        f'label40/{name}.png': cv2.imencode('.png', label)[1].tobytes(),
    }
    return files, np.bincount(label.ravel(), minlength=len(CLASSES) + 1).tolist()


def _check_values(labeled: LabeledFile) -> None:
    bad: dict[str, list[int]] = {}
    with progress_bar('Checking', labeled.frames) as advance:
        for frame in range(1, labeled.frames + 1):
            for problem in labeled.wrong_values(frame):
                bad.setdefault(problem, []).append(frame)
            advance(1)
    if bad:
        raise SourceError(*(f'{labeled.path}: {what} in {frames_in_words(frames)}' for what, frames in bad.items()))


def _finish(
    partial: PartialFolder, frames: dict[str, list[int]], size: tuple[int, int], sources: dict[str, Any]
) -> dict[str, Any]:
    pixels = {split: _sum(partial.samples[_name(frame)]['pixels'] for frame in frames[split]) for split in frames}
    files = {f'{split}.txt': ''.join(f'{_name(frame)}\n' for frame in frames[split]).encode() for split in frames}
    files['classes40.csv'] = _class_table(pixels)
    manifest = {
        'dataset': 'nyu_depth_v2',
        'fdkd_version': __version__,
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'sources': sources,
        'size': list(size),
        'frames': {split: len(frames[split]) for split in frames},
        'classes': ['void', *CLASSES],
        'pixels': pixels,
    }
    return partial.finish(files, manifest)


def _describe(mat: Path, splits: Path, mapping: Path) -> dict[str, dict[str, Any]]:
    """Name and length of those sources that exist, with the hash of the two small ones."""
    paths = {role: Path(path) for role, path in (('mat', mat), ('splits', splits), ('mapping', mapping))}
    sources: dict[str, dict[str, Any]] = {
        role: {'name': path.name, 'bytes': path.stat().st_size} for role, path in paths.items() if path.is_file()
    }
    for role in {'splits', 'mapping'} & set(sources):
        sources[role]['sha256'] = sha256(paths[role])
    return sources


def _fingerprint(sources: dict[str, dict[str, Any]], size: tuple[int, int]) -> dict[str, Any]:
    facts = {f'{role} {fact}': source[fact] for role, source in sources.items() for fact in source if fact != 'name'}
    return {'size': list(size), **facts}


def _class_table(pixels: dict[str, list[int]]) -> bytes:
    rows = [['id', 'name', *(f'{split}_pixels' for split in pixels)]]
    for number, name in enumerate(['void', *CLASSES]):
        rows.append([str(number), name, *(str(counts[number]) for counts in pixels.values())])
    return ''.join(f'{",".join(row)}\n' for row in rows).encode()


def _nearest(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_NEAREST_EXACT)


def _sum(counts: Sequence[list[int]]) -> list[int]:
    return [sum(column) for column in zip(*counts, strict=True)]


def _name(frame: int) -> str:
    return f'{frame:04d}'
