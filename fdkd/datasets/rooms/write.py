"""Writing rooms to disk in the layout of NYU-Depth V2."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from fdkd.datasets.rooms.frame import Frame, render_room

# Counts up when the same seed starts to give other pictures, so that results on old and new ones are never mixed up.
_GENERATOR = 1
_RECORD = 'rooms.json'
_FOLDERS = {'rgb': '.jpg', 'depth': '.png', 'label40': '.png'}


def write_rooms(
    out: str | Path, frames: int = 400, train: int = 300, seed: int = 0, width: int = 128, height: int = 96
) -> None:
    """Writes rooms that a data set of NYU-Depth V2 reads, once: a second call with the same parameters changes nothing.

    ``rgb/NNNN.jpg`` (quality 92), ``depth/NNNN.png`` (uint16 millimetres, 0 = hole), ``label40/NNNN.png`` (uint8, 0 =
    void, 1..40), and the ids, from 0001, of the first ``train`` frames in ``train.txt``, of the others in ``test.txt``.
    ``rooms.json`` records the parameters. All of it appears under ``out`` at once, at the end; until then it is in a
    folder beside it whose name ends in ``.partial``, which the next call clears away if this one is killed. Two
    processes must not write to one place at a time.

    Args:
        out: The folder to create.
        frames: Number of frames, more than ``train``.
        train: Number of training frames, 1 or more.
        seed: Any integer of 0 or more; another seed gives other rooms.
        width: Pixels in a row.
        height: Rows of pixels.

    Raises:
        ValueError: If a split would be empty.
        FileExistsError: If ``out`` exists and is anything but these rooms, complete, or if the ``.partial`` folder
            holds somebody else's files.
    """
    if not 0 < train < frames:
        raise ValueError(f'{train} training frames of {frames} leave a split empty: choose 0 < train < frames')
    out = Path(out)
    record = dict(generator=_GENERATOR, frames=frames, train=train, seed=seed, width=width, height=height)
    if out.exists():
        if difference := _difference(out, record):
            raise FileExistsError(f'{out} exists and {difference}. Remove it or write the rooms to another folder')
        print(f'{out} already holds these {frames} rooms')
        return
    partial = _fresh_partial(out)
    (partial / _RECORD).write_text(json.dumps(record, indent=1) + '\n')
    ids = [f'{number:04d}' for number in range(1, frames + 1)]
    for number, name in enumerate(track(ids, description=f'Rooms to {out}'), start=1):
        frame_seed = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]
        _write_frame(partial, name, render_room(int(frame_seed), width, height))
    for split, part in (('train', ids[:train]), ('test', ids[train:])):
        (partial / f'{split}.txt').write_text('\n'.join(part) + '\n')
    partial.rename(out)


def _difference(out: Path, record: dict[str, int]) -> str:
    """What keeps an existing path from being the complete rooms of ``record``; '' where nothing does."""
    try:
        found = json.loads((out / _RECORD).read_text())
    except (OSError, ValueError):
        return f'holds no readable {_RECORD}, so it is no folder of rooms'
    if found != record:
        return f'holds other rooms: {found} instead of {record}'
    missing = [split for split in ('train.txt', 'test.txt') if not (out / split).is_file()]
    counts = {folder: len(list((out / folder).glob(f'*{end}'))) for folder, end in _FOLDERS.items()}
    missing += [folder for folder, count in counts.items() if count != record['frames']]
    return f'lacks files in {", ".join(missing)}' if missing else ''


def _fresh_partial(out: Path) -> Path:
    """Empty folders in a folder beside ``out``, which replaces what a killed run may have left there.

    Raises:
        FileExistsError: If that folder is somebody else's.
    """
    partial = out.with_name(f'{out.name}.partial')
    if partial.exists():
        # The record is the first file that a run writes.
        if not (partial / _RECORD).is_file() and any(path.is_file() for path in partial.rglob('*')):
            raise FileExistsError(f'{partial} is needed to write {out}, and it holds files that are no rooms: move it')
        shutil.rmtree(partial)
    for folder in _FOLDERS:
        (partial / folder).mkdir(parents=True)
    return partial


def _write_frame(root: Path, name: str, frame: Frame) -> None:
    images = {'rgb': frame.rgb[..., ::-1], 'depth': frame.depth, 'label40': frame.label}
    for folder, end in _FOLDERS.items():
        # Unlike `cv2.imwrite`, this raises when the disk is full.
        _, data = cv2.imencode(end, images[folder], [cv2.IMWRITE_JPEG_QUALITY, 92] if end == '.jpg' else [])
        (root / folder / f'{name}{end}').write_bytes(data)
