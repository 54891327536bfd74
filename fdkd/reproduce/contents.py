"""What the files and folders hold that a run starts from: trained weights, and language models."""

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fdkd.datasets.fingerprint import files_below

#: Keys under which a config names such a file or folder, or something else by its name.
_KEYS = ('checkpoint', 'load_from', 'model', 'pretrained')


def contents(*nodes: Any) -> list[str]:
    """A digest of each file, and of all files in each folder, that parts of a config name; what is not here has none.

    Where the files lie has no say. A file is read again only when its size or time of change is another.
    """
    paths = {path for node in nodes for path in _named(node)}
    return sorted({_digest(path) for path in paths})


def _named(node: Any) -> Iterator[str]:
    """The files and folders below ``node``."""
    if isinstance(node, dict):
        keys = (*_KEYS, 'name') if _is_transformers(node.get('type')) else _KEYS
        yield from (node[key] for key in keys if isinstance(node.get(key), str) and os.path.exists(node[key]))
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for value in node:
            yield from _named(value)


def _is_transformers(kind: Any) -> bool:
    """Whether a part is a :class:`~fdkd.models.TransformersModel`, whose name may be a folder."""
    return getattr(kind, '__name__', str(kind)).removeprefix('fdkd.') == 'TransformersModel'


def _digest(path: str) -> str:
    files = [file for file in files_below(Path(path)) if file.is_file()] if os.path.isdir(path) else [Path(path)]
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        status = file.stat()
        name = f'{file.relative_to(path)} {_of_file(file, status.st_size, status.st_mtime_ns)}\0'
        digest.update(name.encode(errors='surrogateescape'))
    return digest.hexdigest()


@cache
def _of_file(path: Path, size: int, changed: int) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open('rb') as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()
