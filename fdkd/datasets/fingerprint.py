"""Whether two folders hold the same data set, without reading all of it."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fdkd.errors import DataError

#: Files of these kinds are tables (labels, splits, manifests): their text counts, of all others name and size do.
_TABLES = ('.csv', '.tsv', '.txt', '.json')
_LARGEST_TABLE = 64 * 2**20
#: What features are stored in: written anew by another model they have the size that they had.
_FEATURES = ('.npy', '.npz')


def data_hash(root: str | os.PathLike, read: tuple[str, ...] = ()) -> str | None:
    """Twelve hexadecimal digits that stay when a data set is moved, and change when its samples or labels do.

    Counted are the name and size of every file below ``root``, and the content of tables and of the manifests that
    ``fdkd prepare`` writes, which hold a digest of every file. A file that was changed without a change of its
    size and without a manifest goes unnoticed: thousands of pictures are not read for this. Hidden files and folders
    count for nothing, nor does a link that leads back to a folder around it. A folder is walked once for as long as the
    process runs.

    Args:
        root: The folder.
        read: Suffixes of further files whose content counts, see :func:`kinds_to_read`.

    Returns:
        The digits, or ``None`` where there is no such folder.

    Raises:
        DataError: If a file that has to be read may not be.
    """
    return walk(Path(root).absolute(), read) if Path(root).is_dir() else None


def kinds_to_read(pipeline: Any) -> tuple[str, ...]:
    """The suffixes of files that count by their content, told by a training's pipeline: those of stored features."""
    if isinstance(pipeline, Mapping):
        kind = pipeline.get('type')
        if str(getattr(kind, '__name__', kind)).rpartition('.')[2] == 'LoadFeatures':
            return _FEATURES
        pipeline = list(pipeline.values())  # of Cached, the steps within
    return _FEATURES if isinstance(pipeline, (list, tuple)) and any(map(kinds_to_read, pipeline)) else ()


@cache
def walk(root: Path, read: tuple[str, ...] = ()) -> str:
    """The digits of a folder, which are remembered; ``walk.cache_clear()`` forgets them."""
    digest = hashlib.sha256()
    try:
        for path in files_below(root):
            size = path.stat().st_size if path.exists() else None  # a link that leads nowhere
            digest.update(f'{path.relative_to(root).as_posix()}\0{size}\0'.encode(errors='surrogateescape'))
            if path.suffix in _TABLES and path.is_file() and size <= _LARGEST_TABLE:
                digest.update(path.read_bytes())
            elif path.suffix in read and path.is_file():
                with path.open('rb') as file:
                    while part := file.read(2**20):
                        digest.update(part)
    except OSError as error:
        raise DataError(f'{error.filename or root}: cannot be read ({error.strerror}): {root} has no hash') from error
    return digest.hexdigest()[:12]


def files_below(root: Path) -> Iterator[Path]:
    """What is no folder below ``root``, links followed, in the order of the names."""
    around = {str(root): (os.path.realpath(root),)}  # the real folders on the way to a folder, itself the last
    for folder, folders, files in os.walk(root, followlinks=True):
        way = around.pop(folder)
        for name in [name for name in folders if name[0] != '.']:
            place = os.path.join(folder, name)
            real = os.path.realpath(place) if os.path.islink(place) else os.path.join(way[-1], name)
            if real not in way:
                around[place] = (*way, real)
        folders[:] = sorted(name for name in folders if os.path.join(folder, name) in around)
        yield from (Path(folder, name) for name in sorted(files) if name[0] != '.')
