"""Which of many files exist, with one look at each folder instead of one at each file."""

import errno
import os

from fdkd.errors import DataError

#: What the system says of a path that cannot exist: too long a name, or links in a circle.
_NOWHERE = (errno.ENAMETOOLONG, errno.ELOOP)


class Folders:
    """Remembers the names in every folder that it was asked about."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}

    def have(self, path: str) -> bool:
        """Whether ``path`` is a file or a folder; a dead link, or one to itself, is neither.

        Raises:
            DataError: If the folder around it may not be read.
        """
        folder, name = os.path.split(path)
        if folder not in self._names:
            self._names[folder] = _names(folder)
        return name in self._names[folder]


def _names(folder: str) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if _leads_somewhere(entry))
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last for a zero byte, which no path holds
        return frozenset()
    except OSError as error:
        if error.errno in _NOWHERE:
            return frozenset()
        raise DataError(f'{folder}: cannot be read ({error.strerror})') from error


def _leads_somewhere(entry: os.DirEntry) -> bool:
    try:
        return entry.is_file() or entry.is_dir()
    except OSError as error:
        if error.errno in _NOWHERE:
            return False
        raise
