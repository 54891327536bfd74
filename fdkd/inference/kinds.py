"""What a student's inputs may be, by the step that reads them: the part that all kinds share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from mmcv.transforms import BaseTransform
from torch import Tensor

from fdkd.datasets.transforms import images, video
from fdkd.errors import DataError
from fdkd.inference.sources import Source, single

IMAGES = (*images.SUFFIXES, '.gif', '.tif', '.tiff')
VIDEO = video.SUFFIXES
SOUNDS = ('.wav', '.flac', '.ogg', '.opus', '.mp3', '.m4a', '.aac', '.wma')
TABLES = ('.csv', '.tsv')
#: What a file seems to be, for messages.
SEEMS = {
    **dict.fromkeys(IMAGES, 'an image'), **dict.fromkeys(VIDEO, 'a video'), **dict.fromkeys(SOUNDS, 'sound'),
    **dict.fromkeys(TABLES, 'a table'), '.txt': 'a text file', '.npy': 'an array',
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """How inputs are meant.

    Attributes:
        stride: Of how many frames of a video one is taken. ``None`` takes every frame for segmentation; a classifier is
            then asked about the whole video once, by the frames that its pipeline chooses.
        clips: Whether a folder of images is one clip.
        column: Column of a table that holds the texts.
    """

    stride: int | None = None
    clips: bool = False
    column: str | None = None

    def __post_init__(self) -> None:
        if self.stride is not None and (type(self.stride) is not int or self.stride < 1):
            raise DataError(f'stride={self.stride!r}, expected a whole number above 0')


class Kind:
    """Turns what a user gives into sources.

    Args:
        modality: What the student sees.
        loader: The step that reads it.
        reading: How inputs are meant.
        dense: Whether the student segments.

    Attributes:
        SUFFIXES: Of the files that are taken.
        EXPECTED: What can be given, for messages.
    """

    SUFFIXES: ClassVar[Sequence[str]] = ('.npy',)
    EXPECTED: ClassVar[str] = '.npy files, folders of these, arrays'

    def __init__(self, modality: str, loader: BaseTransform, reading: Reading, dense: bool) -> None:
        self.modality, self.loader, self.reading, self.dense = modality, loader, reading, dense

    def sources(self, given: Any) -> Iterator[Source]:
        """The sources of one input, or of a list of them.

        Raises:
            DataError: If it is nothing that this student can be asked about.
        """
        if isinstance(given, (str, Path)):
            yield from self._named(given)
        elif self._is_value(given):
            yield self._value(given)
        elif isinstance(given, Sequence):
            for one in given:
                yield from self.sources(one)
        else:
            raise self._refused(f'an input of the type {type(given).__name__}')

    def remark(self, value: str, x: Tensor) -> str | None:
        """What a user should know of an input, of whose path or text ``value`` the pipeline made ``x``."""

    def _named(self, given: str | Path) -> Iterator[Source]:
        path = Path(given)
        if path.is_dir():
            yield from self._folder(path)
        elif not path.exists():
            raise DataError(f'{path}: no such file or folder')
        elif path.suffix.lower() not in self.SUFFIXES:
            raise self._refused(f'{path}: {SEEMS.get(path.suffix.lower(), "a file of an unknown kind")}')
        else:
            yield from self._file(path)

    def _folder(self, folder: Path) -> Iterator[Source]:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in self.SUFFIXES and path.is_file())
        files = [path for path in files if not path.name.startswith('.')]
        if not files:
            raise self._refused(f'{folder}: a folder without a fitting file')
        for path in files:
            yield from self._file(path)

    def _file(self, path: Path) -> Iterator[Source]:
        yield single(path.stem, str(path), lambda place: str(path), path)

    def _is_value(self, given: Any) -> bool:
        """Whether ``given`` is one input itself, in memory."""
        return hasattr(given, '__array__')

    def _value(self, given: Any) -> Source:
        raise self._refused('an array')

    def _refused(self, found: str) -> DataError:
        return DataError(f'{found}, but this student takes {self.modality}: give it {self.EXPECTED}')
