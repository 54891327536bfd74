"""What becomes of a training sample whose files cannot be read, where ``on_error='skip'`` asks to go on without."""

import errno
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import av
import cv2
import numpy as np
import soundfile
from PIL import Image

from fdkd.datasets.stores import StoreError
from fdkd.errors import DataError

if TYPE_CHECKING:
    from fdkd.datasets.base import MultimodalDataset, SampleKey

#: What a file that is absent, damaged or of the wrong kind raises: fdkd's own steps a DataError, foreign ones whatever
#: their decoder does. Anything else (ValueError, RuntimeError, ...) may be a mistake in code and is never skipped.
UNREADABLE = (
    *(DataError, OSError, EOFError, SyntaxError, UnicodeDecodeError, struct.error, zlib.error, BadZipFile),
    *(av.FFmpegError, cv2.error, soundfile.SoundFileError, Image.DecompressionBombError),
)
#: Of an OSError: too many open files, no memory, a full disk, a server that is gone. No sample is at fault.
_OF_THE_MACHINE = (
    errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.ETIMEDOUT,
)  # fmt: skip
#: How many others are tried in place of one sample. Where one in a hundred is unreadable, as many as a training puts up
#: with, all of them are once in 10^20 times.
STAND_INS = 10


def read_or_replace(dataset: 'MultimodalDataset', key: 'SampleKey') -> dict[str, Any]:
    """The packed sample of ``key``, or the nearest to it that can be read.

    A file that cannot be read counts as if it were not there. Where the data set lets a sample lack what is in it
    (``optional``), that is the sample with this gap. Otherwise it is another sample of the split: the next in an order
    that follows from ``key`` alone, exactly as it would be for its own key of this epoch and seed.

    The metainfo of a sample that is not whole holds ``unreadable``: for each id that could not be read, in the order of
    trying, what was wrong and what was done.

    Raises:
        DataError: If the sample cannot be read, nor any of :data:`STAND_INS` others.
    """
    unreadable: dict[str, str] = {}
    for index in _order(key, len(dataset)):
        sample, problem = _read(dataset, key._replace(index=index))
        if problem:
            unreadable[dataset.get_data_info(index)['sample_id']] = problem
        if sample is not None:
            if unreadable:
                sample['data_samples'].set_metainfo({'unreadable': unreadable})
            return sample
    lines = ''.join(f'\n  {sample_id}: {problem}' for sample_id, problem in unreadable.items())
    raise DataError(
        f'{type(dataset).__name__} {dataset.split}: a sample cannot be read, nor any of the others tried in its place:'
        f'{lines}'
    )


def _order(key: 'SampleKey', count: int) -> Iterator[int]:
    """The sample itself, then those that may stand in for it; their order is only drawn where it is needed."""
    yield key.index
    others = np.random.default_rng([key.seed, key.epoch, key.index]).permutation(count).tolist()
    yield from [index for index in others if index != key.index][:STAND_INS]


def _read(dataset: 'MultimodalDataset', key: 'SampleKey') -> tuple[dict[str, Any] | None, str]:
    """The packed sample, whole or with one gap, and what is wrong with it, if anything is."""
    problem = ''
    for part in (None, *dataset.optional):
        sample = dataset.get_data_info(key.index)  # anew: a step that failed may have written into the one before
        if part is not None and not _leave_out(sample, part):
            continue
        try:
            # A prefix in memory knows samples by their place and would give the gap for the whole sample.
            packed = dataset.make(sample, key, dataset.prefix if part is None else None)
        except UNREADABLE as error:
            if not_of_the_sample(error):
                raise
            problem = problem or _described(error)
        else:
            return packed, f'{problem}; used without its {part}' if part else ''
    return None, f'{problem}; others stand in for it'


def _leave_out(sample: dict[str, Any], part: str) -> bool:
    """Takes a modality, or the label's file, out of a sample; whether there was one."""
    found = [key for key in (part, f'{part}_path') if key in sample]
    for key in found:
        del sample[key]
    sample['present'] = tuple(name for name in sample['present'] if name != part)
    return bool(found)


def not_of_the_sample(error: BaseException | None) -> bool:
    """Whether the machine is at fault, here or in what an error was raised from."""
    while error is not None:
        if isinstance(error, (StoreError, MemoryError)) or (
            isinstance(error, OSError) and error.errno in _OF_THE_MACHINE
        ):
            return True
        error = error.__cause__
    return False


def _described(error: Exception) -> str:
    return str(error) if isinstance(error, DataError) else f'{type(error).__name__}: {error}'
