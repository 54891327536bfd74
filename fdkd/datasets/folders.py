"""Which of many files exist, with one look at each folder instead of one at each file."""

import os

from fdkd.errors import DataError


class Folders:
    """Remembers the names in every folder that it was asked about."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}

    def have(self, path: str) -> bool:
        """Whether ``path`` is a file or a folder; a dead link is neither.

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
            return frozenset(entry.name for entry in entries if entry.is_file() or entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except OSError as error:
        raise DataError(f'{folder}: cannot be read ({error.strerror})') from error
