"""Rows of bytes on disk, memory-mapped, each with a checksum; several processes may read and write them at a time."""

import errno
import json
import os
import shutil
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fdkd.engine.teacher_cache.layout import Layout, Leaf
from fdkd.errors import ConfigError, DataError
from fdkd.files import write_json

HEADER, CHECKSUMS = 'header.json', 'checksums.bin'
#: Set in the checksum of every row that was written: a slot that was not holds 0.
_WRITTEN = 1 << 32


class UnusableError(Exception):
    """What lies in a folder cannot be used as the store that is asked for; the message says why."""


class RowStore:
    """A folder with a row for each of ``slots`` slots: a file for each leaf, one with checksums, and a header.

    A row is written before its checksum, so that one that was torn is found when it is read. The files start as holes
    and take room on disk as rows come. Rows are read through memory maps and written by calls that report a full disk,
    which a memory map answers by killing the process.

    Args:
        folder: A folder that :meth:`create` made.
        layout: Its leaves.
        slots: Its number of slots.
    """

    def __init__(self, folder: Path, layout: Layout, slots: int) -> None:
        self.folder, self.layout, self.slots = folder, layout, slots
        paths = [folder / CHECKSUMS, *(folder / _file(number) for number in range(len(layout)))]
        sums, *rows = (np.memmap(path, np.uint8, 'r').view(np.ndarray) for path in paths)
        self._sums = sums.view(np.uint64)
        self._rows = [array.reshape(slots, leaf.nbytes) for array, leaf in zip(rows, layout, strict=True)]
        self._sums_file, *self._files = (os.open(path, os.O_WRONLY) for path in paths)
        # Rows that a damaged header would give another shape have the wrong checksum.
        self._start = zlib.crc32(json.dumps([leaf.to_json() for leaf in layout]).encode())

    @classmethod
    def create(cls, folder: Path, layout: Layout, slots: int, belongs: Mapping[str, Any]) -> 'RowStore':
        """Makes a store without rows. The header comes last: a folder without it is not finished.

        Args:
            folder: Does not exist yet.
            layout: What a row holds.
            slots: Number of rows.
            belongs: What the rows belong to, kept in the header, as JSON gives it back.
        """
        folder.mkdir(parents=True)
        for name, size in _sizes(layout, slots).items():
            (folder / name).touch()
            os.truncate(folder / name, size)
        leaves = [leaf.to_json() for leaf in layout]
        write_json(folder / HEADER, {'slots': slots, 'leaves': leaves, 'belongs': belongs})
        return cls(folder, layout, slots)

    @classmethod
    def open(cls, folder: Path, slots: int, belongs: Mapping[str, Any]) -> 'RowStore':
        """Opens what :meth:`create` made, with the rows that were written since.

        Raises:
            UnusableError: If it is damaged, or is not what is asked for.
        """
        try:
            header = json.loads((folder / HEADER).read_text(encoding='utf-8'))
            layout = tuple(Leaf.from_json(entry) for entry in header['leaves'])
            found = {'slots': header['slots'], **header['belongs']}
        except (OSError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise UnusableError(f'{HEADER} cannot be read ({type(error).__name__}: {error})') from error
        asked = {'slots': slots, **belongs}
        if differing := [key for key in {**found, **asked} if found.get(key) != asked.get(key)]:
            raise UnusableError(f'{HEADER} is of another {", ".join(differing)}')
        for name, size in _sizes(layout, slots).items():
            if (folder / name).is_symlink():  # rows would be written to wherever it leads
                raise UnusableError(f'{name} is a link')
            there = (folder / name).stat().st_size if (folder / name).is_file() else 0
            if there != size:
                raise UnusableError(f'{name} has {there:,} bytes, expected {size:,}')
        return cls(folder, layout, slots)

    def __len__(self) -> int:
        """How many rows were written."""
        return int(np.count_nonzero(self._sums))

    def read(self, slots: np.ndarray, pinned: bool = False) -> tuple[list[Tensor], np.ndarray, int]:
        """Reads rows.

        Args:
            slots: int64 ``[N]``, each from 0 to below :attr:`slots`.
            pinned: Whether to read into page-locked memory, from which a GPU copies without waiting.

        Returns:
            For each leaf uint8 ``[N, leaf.nbytes]``; bool ``[N]``, which rows are right; and how many are not although
            they were written. Rows that are not right hold anything.
        """
        sums = self._sums[slots]
        right = sums != 0
        written = int(right.sum())
        rows = [torch.empty(len(slots), leaf.nbytes, dtype=torch.uint8, pin_memory=pinned) for leaf in self.layout]
        arrays = [x.numpy() for x in rows]
        for kept, array in zip(self._rows, arrays, strict=True):
            np.take(kept, slots, axis=0, out=array, mode='clip')  # any other mode copies once more
        for place in np.flatnonzero(right):
            right[place] = self._checksum(arrays, place) == sums[place]
        return rows, right, written - int(right.sum())

    def write(self, slots: np.ndarray, rows: Sequence[np.ndarray]) -> None:
        """Writes rows, uint8 ``[N, leaf.nbytes]`` for each leaf, into ``slots`` ``[N]``.

        Raises:
            DataError: If the disk takes no more; what was written before stays.
        """
        try:
            for place, slot in enumerate(slots.tolist()):
                for file, leaf, array in zip(self._files, self.layout, rows, strict=True):
                    _write(file, array[place], slot * leaf.nbytes)
                _write(self._sums_file, np.array([self._checksum(rows, place)], np.uint64), slot * 8)
        except OSError as error:
            raise DataError(
                f"{self.folder}: cannot keep the teacher's tensors there ({error}); free space, choose another folder "
                'with --cache-teacher-in FOLDER, or train without. The rows that are there stay valid'
            ) from error

    def close(self) -> None:
        """Closes the files; rows can be read on, and no more be written."""
        for file in (self._sums_file, *self._files):
            os.close(file)

    def _checksum(self, rows: Sequence[np.ndarray], place: int) -> int:
        value = self._start
        for array in rows:
            value = zlib.crc32(array[place], value)
        return value | _WRITTEN


def check_room(folder: Path, layout: Layout, slots: int, there: int, max_gb: float) -> None:
    """Refuses a store that has no room.

    Args:
        folder: Where it lies or will lie, in a folder that exists.
        layout: What a row holds.
        slots: Number of rows.
        there: How many of them are written.
        max_gb: The limit, in GiB.

    Raises:
        ConfigError: If it is larger than the limit, or the disk has no room for the rows that are not yet there.
    """
    full, lacking = full_size(layout, slots), full_size(layout, slots - there)
    free = shutil.disk_usage(folder.parent).free
    what = (
        f"{folder}: the teacher's tensors take {size_text(full)} ({slots:,} rows of {full_size(layout, 1):,} bytes: "
        f'{", ".join(map(str, layout))})'
    )
    if full > max_gb * 2**30:
        raise ConfigError(
            f'{what}, more than the limit of {max_gb:g} GiB: raise it with --cfg-options '
            f'default_hooks.teacher_cache.max_gb={-(-full // 2**30)}, lower --views, choose losses on a smaller tap, '
            'or train without --cache-teacher'
        )
    if lacking > free:
        raise ConfigError(
            f'{what}, of which {size_text(lacking)} are still to be written, and the disk has {size_text(free)} left: '
            'free space, choose another folder with --cache-teacher-in FOLDER, or train without'
        )


def full_size(layout: Layout, slots: int) -> int:
    """Bytes of all rows."""
    return slots * sum(leaf.nbytes for leaf in layout)


def size_text(size: int) -> str:
    """A number of bytes for people."""
    return f'{size / 2**30:.2f} GiB' if size >= 2**30 else f'{size / 2**20:.2f} MiB'


def _file(number: int) -> str:
    return f'leaf_{number}.bin'


def _sizes(layout: Layout, slots: int) -> dict[str, int]:
    return {CHECKSUMS: slots * 8} | {_file(number): slots * leaf.nbytes for number, leaf in enumerate(layout)}


def _write(file: int, array: np.ndarray, offset: int) -> None:
    if os.pwrite(file, array, offset) != array.nbytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
