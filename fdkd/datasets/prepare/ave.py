"""AVE (Tian et al., ECCV 2018): clips of ten seconds with an event that is both seen and heard."""

from pathlib import Path
from typing import Any

from fdkd.datasets.annotations import read_table
from fdkd.datasets.ave import AVE
from fdkd.datasets.prepare.clips import VIDEOS, Clip, convert_clips, looked_for, media_by_name
from fdkd.datasets.prepare.split_files import content, split_files
from fdkd.datasets.prepare.tally import Row

LISTED = AVE.LAYOUT['annotations']
PUBLISHED = 'AVE_Dataset.zip, lists and videos, is published at https://sites.google.com/view/audiovisualresearch'


def convert_ave(annotations: Path, videos: Path, out: Path, fps: float = 1.0, workers: int = 1) -> dict[str, Any]:
    """Writes AVE as ``audio/VIDEO.wav``, ``frames/VIDEO/NNN.jpg`` and ``{train,val,test}Set.txt``.

    Clips are converted whole, not only the seconds of the event. The lists name some videos twice, with two events;
    these are converted once.

    Args:
        annotations: Folder with ``{train,val,test}Set.txt`` (``CATEGORY&VIDEO&QUALITY&START&END``).
        videos: Folder with ``VIDEO.mp4``.
        out: The folder to make.
        fps: Frames a second to write.
        workers: Processes to share the work.

    Returns:
        The manifest, see :func:`~fdkd.datasets.prepare.samples.convert`.

    Raises:
        SourceError: If lists are missing, or no clip can be used, or ``out`` is something else.
        DataError: If a list cannot be read.
    """
    lists = split_files(annotations, LISTED, AVE.LAYOUT['splits'], PUBLISHED)
    rows = [
        Row(split, line['category'], line['video'])
        for split, path in lists.items()
        for line in read_table(path, AVE.LAYOUT['columns'], AVE.LAYOUT['delimiter'])
    ]
    return convert_clips(
        'ave',
        rows,
        {name: Clip(path, path) for name, path in media_by_name(Path(videos), VIDEOS).items()},
        out,
        files={LISTED.format(split=split): content(path) for split, path in lists.items()},
        absent=looked_for(videos, rows, VIDEOS, PUBLISHED),
        fps=fps,
        workers=workers,
    )
