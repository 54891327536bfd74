"""What every converter needs of files: hashes, writing in one step, and an error that lists all that is wrong."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fdkd.errors import DataError


class SourceError(DataError):
    """The files given to a converter are not what it can convert; ``problems`` holds one line for each mistake."""

    def __init__(self, *problems: str) -> None:
        super().__init__('\n'.join(problems))
        self.problems = problems


def all_or_problems(*readers: Callable[[], Any]) -> list[Any]:
    """Calls every reader, also after one failed, so that a user sees all mistakes at once.

    Returns:
        The results, in order.

    Raises:
        SourceError: With the problems of all readers, if any reader raised one.
    """
    results, problems = [], []
    for reader in readers:
        try:
            results.append(reader())
        except SourceError as error:
            problems += error.problems
    if problems:
        raise SourceError(*problems)
    return results


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file that is there either whole or not at all, also if the process is killed meanwhile."""
    temporary = path.with_name(f'.{path.name}.tmp')
    temporary.write_bytes(data)
    os.replace(temporary, path)


def to_json(value: Any) -> bytes:
    """``value`` as indented JSON in UTF-8 with a final newline."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + '\n').encode()
