"""The official lists of which sample is in which split, as a converter is given them."""

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

from fdkd.datasets.annotations import table_path
from fdkd.datasets.prepare.files import SourceError


def split_files(where: Path, name: str, splits: Sequence[str], published: str) -> dict[str, Path]:
    """The file of each split, which may also be there with ``.gz`` behind its name.

    Args:
        where: The folder that holds them under their usual names, or the path of one with ``{split}`` for its split.
        name: Their usual name, with ``{split}``.
        splits: The splits.
        published: Where they can be had.

    Raises:
        SourceError: If some are missing, or ``where`` is neither.
    """
    where = Path(where)
    pattern = where if '{split}' in where.name else where / name
    if where.is_file():
        raise SourceError(f'{where}: is one file, expected a folder, or a path with {{split}} in its name')
    paths = {split: table_path(pattern.with_name(pattern.name.replace('{split}', split))) for split in splits}
    if missing := [path for path in paths.values() if not path.is_file()]:
        raise SourceError(*(f'{path}: missing; {published}' for path in missing))
    return paths


def content(path: Path) -> bytes:
    """The bytes of a file, unpacked where its name ends in ``.gz``.

    Raises:
        SourceError: If a packed file is damaged.
    """
    data = path.read_bytes()
    if path.suffix != '.gz':
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f'{path}: damaged ({error})') from error
