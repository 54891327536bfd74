"""The three files that NYU-Depth V2's labelled set is published as, opened and checked."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from fdkd.datasets.nyu_depth_v2 import CLASSES
from fdkd.datasets.prepare.files import SourceError, all_or_problems
from fdkd.datasets.prepare.matlab import lies_elsewhere, load_v5, open_v73, texts_v5, texts_v73, whole_numbers


class Published(NamedTuple):
    """Where a file comes from."""

    name: str
    url: str
    note: str


_PAGE = 'project page https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html'
#: The three files by the part that they play.
PUBLISHED = {
    'mat': Published(
        'nyu_depth_v2_labeled.mat',
        'http://horatio.cs.nyu.edu/mit/silberman/nyu_depth_v2/nyu_depth_v2_labeled.mat',
        f'2.8 GB, {_PAGE}',
    ),
    'splits': Published('splits.mat', 'http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/splits.mat', _PAGE),
    'mapping': Published(
        'classMapping40.mat',
        'https://github.com/ankurhanda/nyuv2-meta-data/raw/master/classMapping40.mat',
        "the mapping of Saurabh Gupta's https://github.com/s-gupta/rcnn-depth",
    ),
}
#: Deepest value of a 16-bit PNG in millimetres, in metres.
MAX_DEPTH = 65.535
_TYPES = {'images': 'uint8', 'depths': 'float32', 'labels': 'uint16'}


@dataclass(frozen=True)
class Mapping:
    """The classes of the labelled set.

    Attributes:
        table: uint8 ``[R + 1]``: raw class 0..R to 0 (void) or 1..40.
        raw_names: Names of the raw classes 1..R, or empty where the file has none.
    """

    table: np.ndarray
    raw_names: list[str]


class LabeledFile:
    """The open ``nyu_depth_v2_labeled.mat``; reads one frame at a time.

    Attributes:
        shapes: The datasets' shapes as h5py gives them, that is with MATLAB's axes reversed: ``images``
            ``[N, 3, W, H]``, ``depths`` and ``labels`` ``[N, W, H]``.
        frames, width, height: N, W and H.
        names: Names of the raw classes 1..R.

    Raises:
        SourceError: If keys, shapes or types are not those of the labelled set.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path, self.file = path, file
        missing = [key for key in (*_TYPES, 'names') if not isinstance(file.get(key), h5py.Dataset)]
        if missing:
            found = ', '.join(sorted(file)) or 'nothing'
            raise SourceError(f'{path}: no dataset {", ".join(map(repr, missing))}, it holds {found}')
        if problems := [*self._elsewhere(), *self._wrong_types(), *self._wrong_shapes()]:
            raise SourceError(*problems)
        self.shapes = {key: list(file[key].shape) for key in _TYPES}
        self.frames, _, self.width, self.height = self.shapes['images']
        self.names = texts_v73(file, 'names')

    def rgb(self, frame: int) -> np.ndarray:
        """Colours of the 1-based frame, uint8 ``[H, W, 3]`` in the order R, G, B."""
        return self._read('images', frame).transpose(2, 1, 0)

    def depth(self, frame: int) -> np.ndarray:
        """In-painted depth of the 1-based frame, float32 ``[H, W]`` in metres."""
        return self._read('depths', frame).T

    def labels(self, frame: int) -> np.ndarray:
        """Raw classes of the 1-based frame, uint16 ``[H, W]``, 0 = unlabelled."""
        return self._read('labels', frame).T

    def wrong_values(self, frame: int) -> list[str]:
        """What the depth and the labels of the 1-based frame must not hold, in words; empty where all is well."""
        depth, problems = self.depth(frame), []
        if not np.isfinite(depth).all():
            problems.append("'depths' has NaN or infinite values")
        elif depth.min() < 0 or depth.max() > np.float32(MAX_DEPTH):
            problems.append(f"'depths' leaves 0..{MAX_DEPTH} m")
        if self.labels(frame).max() > len(self.names):
            problems.append(f"'labels' exceeds {len(self.names)}, the number of 'names'")
        return problems

    def _read(self, key: str, frame: int) -> np.ndarray:
        try:
            return self.file[key][frame - 1]
        except OSError as error:
            raise SourceError(
                f'{self.path}: frame {frame} of {key!r} is damaged ({error}); replace it: {published("mat")}'
            ) from error

    def _elsewhere(self) -> Iterator[str]:
        """Arrays that HDF5 would read from other files, wherever these lie."""
        for key in (*_TYPES, 'names'):
            array, link = self.file[key], self.file.get(key, getlink=True)
            if isinstance(link, h5py.ExternalLink) or lies_elsewhere(self.file, array):
                yield f'{self.path}: {key!r} lies in another file, expected it in this one'

    def _wrong_types(self) -> Iterator[str]:
        for key, expected in _TYPES.items():
            if (found := self.file[key].dtype) != expected:
                yield f'{self.path}: {key!r} holds {found}, expected {expected}'
        if not h5py.check_ref_dtype(self.file['names'].dtype):
            yield f"{self.path}: 'names' holds {self.file['names'].dtype}, expected a cell array of texts"

    def _wrong_shapes(self) -> Iterator[str]:
        images = self.file['images'].shape
        if len(images) != 4 or images[1] != 3:
            yield f"{self.path}: 'images' is {images}, expected (frames, 3, width, height)"
            return
        expected = (images[0], *images[2:])
        for key in ('depths', 'labels'):
            if (found := self.file[key].shape) != expected:
                yield f"{self.path}: {key!r} is {found}, expected {expected} since 'images' is {images}"


@contextmanager
def open_sources(mat: Path, splits: Path, mapping: Path) -> Iterator[tuple[LabeledFile, dict[str, list[int]], Mapping]]:
    """Opens the three files, checks each, and then whether they belong together.

    Yields:
        The labelled set, the sorted 1-based frames of ``train`` and ``test``, and the class mapping.

    Raises:
        SourceError: With everything that is wrong, short of the pixels' values.
    """
    labeled, frames, classes = all_or_problems(
        _advising('mat', lambda: _open_labeled(mat)),
        _advising('splits', lambda: read_splits(splits)),
        _advising('mapping', lambda: read_mapping(mapping)),
    )
    with labeled.file:
        if problems := [*_splits_that_differ(splits, frames, labeled), *_names_that_differ(mapping, classes, labeled)]:
            raise SourceError(*problems)
        yield labeled, frames, classes


def read_splits(path: Path) -> dict[str, list[int]]:
    """Sorted 1-based frames of ``train`` and ``test`` from ``splits.mat``.

    Raises:
        SourceError: If it is another file, a split is empty, or a frame stands there twice.
    """
    content = load_v5(path, 'trainNdxs', 'testNdxs')
    frames = {split: sorted(whole_numbers(path, content, f'{split}Ndxs')) for split in ('train', 'test')}
    if empty := [f'{split}Ndxs' for split in frames if not frames[split]]:
        raise SourceError(f'{path}: {empty[0]!r} is empty, expected frames')
    counts = Counter(frames['train'] + frames['test'])
    if repeated := sorted(frame for frame, count in counts.items() if count > 1):
        raise SourceError(f"{path}: {frames_in_words(repeated)} more than once in 'trainNdxs' and 'testNdxs'")
    return frames


def read_mapping(path: Path) -> Mapping:
    """The table from raw classes to the 40 classes from ``classMapping40.mat``.

    Raises:
        SourceError: If it is another file, a value leaves 1..40, or its 40 classes are not those of fdkd's data set.
    """
    content = load_v5(path, 'mapClass', 'className')
    values = whole_numbers(path, content, 'mapClass')
    if outside := sorted({value for value in values if not 1 <= value <= len(CLASSES)}):
        raise SourceError(f"{path}: 'mapClass' holds {outside[:5]}, expected 1..{len(CLASSES)}")
    names = texts_v5(content['className'])
    if len(names) != len(CLASSES):
        raise SourceError(f"{path}: 'className' holds {len(names)} names, expected {len(CLASSES)}")
    for number, (found, expected) in enumerate(zip(names, CLASSES, strict=True), 1):
        if found != expected:
            raise SourceError(f"{path}: 'className' has {found!r} as class {number}, expected {expected!r}")
    return Mapping(np.array([0, *values], np.uint8), texts_v5(content.get('allClassName', np.array([]))))


def published(role: str) -> str:
    """Where to get the file that plays a part (``'mat'``, ``'splits'`` or ``'mapping'``), in words."""
    return '{} is published at {} ({})'.format(*PUBLISHED[role])


def frames_in_words(frames: list[int]) -> str:
    """The one frame, or the number of frames with the first five."""
    if len(frames) == 1:
        return f'frame {frames[0]}'
    return f'{len(frames)} frames ({", ".join(map(str, frames[:5]))}{", ..." if len(frames) > 5 else ""})'


def _open_labeled(path: Path) -> LabeledFile:
    file = open_v73(path)
    try:
        return LabeledFile(path, file)
    except SourceError:
        file.close()
        raise


def _splits_that_differ(path: Path, frames: dict[str, list[int]], labeled: LabeledFile) -> Iterator[str]:
    found, expected = {*frames['train'], *frames['test']}, set(range(1, labeled.frames + 1))
    if outside := sorted(found - expected):
        yield f'{path}: {frames_in_words(outside)} outside 1..{labeled.frames}, the frames of {labeled.path}'
    if missing := sorted(expected - found):
        yield f"{path}: {frames_in_words(missing)} of {labeled.path} in neither 'trainNdxs' nor 'testNdxs'"


def _names_that_differ(path: Path, mapping: Mapping, labeled: LabeledFile) -> Iterator[str]:
    length = len(mapping.table) - 1
    if length != len(labeled.names):
        yield f"{path}: 'mapClass' maps {length} classes, expected {len(labeled.names)}, the 'names' of {labeled.path}"
        return
    # A name that is spelt otherwise does no harm; one that stands elsewhere shows that the two do not belong together.
    position = {name: number for number, name in enumerate(mapping.raw_names, 1)}
    moved = [number for number, name in enumerate(labeled.names, 1) if position.get(name, number) != number]
    if moved:
        name = labeled.names[moved[0] - 1]
        yield (
            f"{path}: 'allClassName' has {len(moved)} classes at other numbers than 'names' of {labeled.path}, "
            f'first {name!r} as {position[name]}, expected {moved[0]}'
        )


def _advising(role: str, reader: Callable[[], Any]) -> Callable[[], Any]:
    """``reader`` whose problems say where to get the right file."""

    def read() -> Any:
        try:
            return reader()
        except SourceError as error:
            raise SourceError(*(f'{problem}; replace it: {published(role)}' for problem in error.problems)) from error

    return read
