"""Whether two folders hold the same data set, without reading all of it."""

import hashlib
import os
from functools import cache
from pathlib import Path

#: Files of these kinds are tables (labels, splits, manifests): their text counts, of all others name and size do.
_TABLES = ('.csv', '.tsv', '.txt', '.json')
_LARGEST_TABLE = 64 * 2**20


def data_hash(root: str | os.PathLike) -> str | None:
    """Twelve hexadecimal digits that stay when a data set is moved, and change when its samples or labels do.

    Counted are the name and size of every file below ``root``, and the content of tables and of the manifests that
    ``tools/prepare_data.py`` writes, which hold a digest of every file. A file that was changed without a change of its
    size and without a manifest goes unnoticed: thousands of pictures are not read for this. Hidden files and folders
    count for nothing. A folder is walked once for as long as the process runs.

    Returns:
        The digits, or ``None`` where there is no such folder.
    """
    return walk(Path(root).absolute()) if Path(root).is_dir() else None


@cache
def walk(root: Path) -> str:
    """The digits of a folder, which are remembered; ``walk.cache_clear()`` forgets them."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        for name in sorted(name for name in files if not name.startswith('.')):
            path = Path(folder, name)
            size = path.stat().st_size if path.exists() else None  # a link that leads nowhere
            digest.update(f'{path.relative_to(root).as_posix()}\0{size}\0'.encode())
            if path.suffix in _TABLES and size is not None and size <= _LARGEST_TABLE:
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
