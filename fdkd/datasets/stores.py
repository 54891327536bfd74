"""Where results of transforms are kept: a folder, or memory that a loader's workers share."""

import mmap
import multiprocessing
import os
import struct
import uuid
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from fdkd.datasets.encoding import decode, encode
from fdkd.errors import ConfigError, DataError

GIB = 2**30
#: What a file of :class:`DiskStore` begins with: its kind, and a checksum of the rest.
_HEAD = struct.Struct('<4sI')
_KIND = b'fdk1'


class StoreError(DataError):
    """A result cannot be kept, for which no sample is to blame."""


class DiskStore:
    """One file per result below a folder, which several processes may share and which can be deleted at any time.

    Args:
        folder: Where results are kept; it is made if needed.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = Path(folder)

    def get(self, key: str) -> Any:
        """What was kept under ``key``, two hexadecimal digits or more; ``None`` if it is not there or damaged."""
        try:
            data = memoryview(self._path(key).read_bytes())
            if _HEAD.unpack_from(data) == (_KIND, zlib.crc32(data[_HEAD.size :])):
                return decode(data[_HEAD.size :])
        except Exception:  # whatever was put there leads to errors of any kind
            pass
        return None

    def put(self, key: str, value: Any) -> None:
        """Keeps ``value``, whole or not at all.

        Raises:
            ConfigError: As :func:`~fdkd.datasets.encoding.encode`.
            StoreError: If the folder cannot be written.
        """
        data, path = encode(value), self._path(key)
        partial = path.with_name(f'.{uuid.uuid4().hex}.tmp')  # the name of no other process
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(_HEAD.pack(_KIND, zlib.crc32(data)) + data)
            os.replace(partial, path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            raise StoreError(
                f'{self.folder}: cannot keep results there ({error}); free space or choose another folder'
            ) from error

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f'{key[2:]}.bin'


class RamStore:
    """Results by number in memory that this process shares with all that are forked from it later.

    Each is kept once, whichever process comes first; pages are taken from the system as they fill. What no longer fits
    is not kept.

    Args:
        count: Number of results.
        capacity: Bytes that they may take in all.

    Raises:
        ConfigError: If the system does not give so much.
    """

    def __init__(self, count: int, capacity: int) -> None:
        try:
            self._memory = mmap.mmap(-1, max(capacity, 1))
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError(f"cache='ram': the system gives no {capacity / GIB:.1f} GiB ({error})") from error
        # Per result where it starts and ends (0 and 0: not there), and at last where the free memory starts.
        self._table = np.frombuffer(mmap.mmap(-1, 16 * count + 16), np.int64).reshape(-1, 2)
        self._lock = multiprocessing.Lock()

    def get(self, number: int) -> Any:
        """What was kept under ``number``, or ``None``."""
        with self._lock:
            start, end = self._table[number].tolist()
        if not end:
            return None
        with memoryview(self._memory) as memory:
            return decode(memory[start:end])

    def put(self, number: int, value: Any) -> None:
        """Keeps ``value`` if there is room.

        Raises:
            ConfigError: As :func:`~fdkd.datasets.encoding.encode`.
        """
        data = encode(value)
        with self._lock:
            start = int(self._table[-1, 0])
            if self._table[number, 1] or start + len(data) > len(self._memory):
                return
            self._memory[start : start + len(data)] = data
            self._table[-1, 0] = start + len(data)
            self._table[number] = start, start + len(data)

    def __reduce__(self) -> NoReturn:
        raise ConfigError(
            "cache='ram' needs workers that are forked (env_cfg.mp_cfg.mp_start_method='fork'): on a system without "
            "fork take cache='disk'"
        )


def available_memory(system: Path = Path('/')) -> int:
    """Bytes that this process may still take: those of the machine, or of its container if that has less.

    Args:
        system: Where ``/proc`` and ``/sys`` are.
    """
    try:
        lines = (system / 'proc/meminfo').read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith('MemAvailable:'))
    except (OSError, StopIteration):
        free = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return max(min([free, *_left_in_groups(system)]), 0)


def _left_in_groups(system: Path) -> Iterator[int]:
    """What the control groups of this process leave it, of version 2 and 1; none for a group without a limit."""
    with suppress(OSError):
        for line in (system / 'proc/self/cgroup').read_text().splitlines():
            _, controllers, group = line.split(':', 2)
            root, names = system / 'sys/fs/cgroup', ('memory.max', 'memory.current')
            if controllers:
                root, names = root / 'memory', ('memory.limit_in_bytes', 'memory.usage_in_bytes')
            if controllers in ('', 'memory'):
                # In a container the group is often mounted as the root itself.
                for folder in (root / group.lstrip('/'), root):
                    with suppress(OSError, ValueError):  # not there, or without a limit ('max')
                        limit, used = (int((folder / name).read_text()) for name in names)
                        yield limit - used + _reclaimable(folder / 'memory.stat')


def _reclaimable(statistics: Path) -> int:
    """Bytes of files that are kept in memory only while nobody needs it."""
    entries = dict(line.split() for line in statistics.read_text().splitlines())
    return int(entries.get('total_inactive_file', entries.get('inactive_file', 0)))
