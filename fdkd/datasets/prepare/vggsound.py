"""VGGSound (Chen et al., ICASSP 2020): ten seconds of a video each, in 309 classes, or in 50 with the lists of C2KD."""

import csv
import io
from pathlib import Path
from typing import Any

from fdkd.datasets.annotations import read_table
from fdkd.datasets.prepare.clips import VIDEOS, Clip, convert_clips, looked_for, media_by_name
from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.prepare.split_files import content, split_files
from fdkd.datasets.prepare.tally import Row
from fdkd.datasets.vggsound import VGGSound

SPLITS = ('train', 'test')
COLUMNS, LISTED = VGGSound.LAYOUT['columns'], VGGSound.LAYOUT['annotations']
LISTS = (
    'the lists of 50 classes are published with the code of C2KD (https://github.com/huofushuo/C2KD, '
    'vggsound/datasplit.zip), that of all 309 at https://www.robots.ox.ac.uk/~vgg/data/vggsound/ (vggsound.csv)'
)
CLIPS = 'VGGSound is published as a list of videos at https://www.robots.ox.ac.uk/~vgg/data/vggsound/'


def convert_vggsound(annotations: Path, videos: Path, out: Path, fps: float = 1.0, workers: int = 1) -> dict[str, Any]:
    """Writes VGGSound as ``audio/YTID_START.wav``, ``frames/YTID_START/NNN.jpg``, ``train.csv`` and ``test.csv``.

    Args:
        annotations: Folder with ``train.csv`` and ``test.csv`` (``YTID,START,LABEL,SPLIT``, no header), or
            ``vggsound.csv``, which holds both.
        videos: Folder with ``YTID_START.mp4``, START being the second in six digits; subfolders are searched too.
        out: The folder to make.
        fps: Frames a second to write.
        workers: Processes to share the work.

    Returns:
        The manifest, see :func:`~fdkd.datasets.prepare.samples.convert`.

    Raises:
        SourceError: If lists are missing, or no clip can be used, or ``out`` is something else.
        DataError: If a list cannot be read.
    """
    lists = _lists(Path(annotations))
    rows = [
        Row(split, line['label'], f'{line["ytid"]}_{line["start"]:0>6}')
        for split, (lines, _) in lists.items()
        for line in lines
    ]
    return convert_clips(
        'vggsound',
        rows,
        {name: Clip(path, path) for name, path in media_by_name(Path(videos), VIDEOS).items()},
        out,
        files={LISTED.format(split=split): data for split, (_, data) in lists.items()},
        absent=looked_for(videos, rows, VIDEOS, CLIPS),
        fps=fps,
        workers=workers,
    )


def _lists(annotations: Path) -> dict[str, tuple[list[dict[str, str]], bytes]]:
    """The lines of each split, and the file that holds them."""
    if not annotations.is_file():
        paths = split_files(annotations, LISTED, SPLITS, LISTS)
        return {split: (read_table(path, COLUMNS, ','), content(path)) for split, path in paths.items()}
    lines = read_table(annotations, COLUMNS, ',')
    if unknown := sorted({line['split'] for line in lines} - set(SPLITS)):
        raise SourceError(f'{annotations}: its last column says {unknown[0]!r}, expected {" or ".join(SPLITS)}')
    parts = {split: [line for line in lines if line['split'] == split] for split in SPLITS}
    return {split: (part, _as_csv(part)) for split, part in parts.items()}


def _as_csv(lines: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, lineterminator='\n').writerows(lines)
    return text.getvalue().encode()
