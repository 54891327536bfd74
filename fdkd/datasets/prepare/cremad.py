"""CREMA-D (Cao et al., IEEE Transactions on Affective Computing, 2014): acted emotions of one sentence each."""

from pathlib import Path
from typing import Any

from fdkd.datasets.annotations import read_table
from fdkd.datasets.cremad import CREMAD
from fdkd.datasets.prepare.clips import VIDEOS, Clip, convert_clips, looked_for, media_by_name
from fdkd.datasets.prepare.split_files import content, split_files
from fdkd.datasets.prepare.tally import Row

LISTED = CREMAD.LAYOUT['annotations']
LISTS = 'train.csv and test.csv are published with the code of OGM-GE (https://github.com/GeWu-Lab/OGM-GE_CVPR2022)'
CLIPS = 'CREMA-D is published at https://github.com/CheyneyComputerScience/CREMA-D (its files come by "git lfs pull")'


def convert_cremad(annotations: Path, videos: Path, out: Path, fps: float = 1.0, workers: int = 1) -> dict[str, Any]:
    """Writes CREMA-D as ``audio/ID.wav``, ``frames/ID/NNN.jpg``, ``train.csv`` and ``test.csv``.

    The sound is taken from ``AudioWAV/ID.wav`` where that is there, or else from the video.

    Args:
        annotations: Folder with ``train.csv`` and ``test.csv`` (``ID,LABEL``, no header).
        videos: The published folder, which holds ``VideoFlash`` and ``AudioWAV``, or its ``VideoFlash`` alone.
        out: The folder to make.
        fps: Frames a second to write.
        workers: Processes to share the work.

    Returns:
        The manifest, see :func:`~fdkd.datasets.prepare.samples.convert`.

    Raises:
        SourceError: If lists are missing, or no clip can be used, or ``out`` is something else.
        DataError: If a list cannot be read.
    """
    lists = split_files(annotations, LISTED, ('train', 'test'), LISTS)
    rows = [
        Row(split, line['label'], line['id'])
        for split, path in lists.items()
        for line in read_table(path, columns=CREMAD.LAYOUT['columns'], delimiter=',')
    ]
    videos = Path(videos)
    sounds = media_by_name(videos.parent / 'AudioWAV' if videos.name == 'VideoFlash' else videos, ('.wav',))
    pictures = media_by_name(videos, VIDEOS)
    return convert_clips(
        'cremad',
        rows,
        {name: Clip(path, sounds.get(name, path)) for name, path in pictures.items()},
        out,
        files={LISTED.format(split=split): content(path) for split, path in lists.items()},
        absent=looked_for(videos, rows, VIDEOS, CLIPS),
        fps=fps,
        workers=workers,
    )
