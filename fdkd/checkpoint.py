"""Reading and writing checkpoints: nothing in a file is ever executed, and no half-written file is ever seen."""

import fnmatch
import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fdkd.errors import CheckpointError, DamagedCheckpointError
from fdkd.files import written_whole

#: Bytes of a record that are held at a time.
_PART = 2**20


def read_checkpoint(
    path: str | os.PathLike, map_location: str | torch.device = 'cpu', unsafe: bool = False
) -> dict[str, Any]:
    """Reads a checkpoint with torch's restricted unpickler, which builds tensors and plain data and runs no code.

    ``torch.save`` writes a checksum (CRC-32) with each record, and ``torch.load`` does not look at it; here every
    record is compared with its own first. That reads the file twice and takes about half as long as loading it. Files
    of torch's old format, and those saved after ``torch.serialization.set_crc32_options(False)``, have no checksums.

    Args:
        path: The file.
        map_location: Where the tensors go.
        unsafe: Unpickle everything, for files from a source that you trust as you trust a program.

    Raises:
        CheckpointError: If the file is absent or holds objects that would have to run code.
        DamagedCheckpointError: If it is damaged or no checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f'{path}: no such checkpoint')
    _check_records(path)
    return _unpickled(path, map_location, unsafe)


def read_meta(path: str | os.PathLike, unsafe: bool = False) -> dict[str, Any]:
    """Reads what a checkpoint says of itself, its ``meta``, and leaves its tensors on the disk.

    Of the records that alone is compared with its checksum which ``meta`` lies in: what is damaged elsewhere is found
    by :func:`read_checkpoint`.

    Args:
        path: The file, in torch's present format.
        unsafe: As for :func:`read_checkpoint`.

    Raises:
        CheckpointError: As :func:`read_checkpoint`, and if the file has no ``meta``.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f'{path}: no such checkpoint')
    _check_records(path, like='*/data.pkl')
    meta = _unpickled(path, 'cpu', unsafe, mmap=True).get('meta')
    if not isinstance(meta, dict):
        raise CheckpointError(f'{path}: says nothing of itself, expected a dictionary "meta"')
    return meta


def write_checkpoint(checkpoint: dict[str, Any], path: str | os.PathLike) -> None:
    """Writes beside ``path``, flushes to the disk and renames, so that ``path`` is the old file or the new one."""
    with written_whole(Path(path)) as partial, partial.open('wb') as file:
        try:
            torch.save(checkpoint, file)
        except RuntimeError as error:  # of an archive that is cut short, whose cause comes before it
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise
        file.flush()
        os.fsync(file.fileno())


def load_weights(model: nn.Module, weights: dict[str, Tensor], source: str | os.PathLike) -> None:
    """Loads ``weights`` into ``model``; every name and shape has to fit.

    Raises:
        CheckpointError: As :func:`check_weights`.
    """
    check_weights(model, weights, source)
    model.load_state_dict(weights)


def check_weights(model: nn.Module, weights: dict[str, Tensor], source: str | os.PathLike) -> None:
    """Refuses ``weights`` of which a name or shape is not that of ``model``.

    Raises:
        CheckpointError: With the first misfits and their number.
    """
    own = model.state_dict()
    missing = [f'{name} is missing' for name in own if name not in weights]
    unknown = [f'{name} is unknown' for name in weights if name not in own]
    others = [
        f'{name} is a {type(weights[name]).__name__}, expected a tensor'
        for name in own
        if name in weights and not isinstance(weights[name], Tensor)
    ]
    shapes = [
        f'{name} has the shape {tuple(weights[name].shape)}, expected {tuple(own[name].shape)}'
        for name in own
        if isinstance(weights.get(name), Tensor) and weights[name].shape != own[name].shape
    ]
    if misfits := others + shapes + missing + unknown:
        entries = len({*own, *weights})
        shown = '; '.join(misfits[:3]) + ('; ...' if len(misfits) > 3 else '')
        raise CheckpointError(
            f'{source}: does not fit {type(model).__name__} in {len(misfits)} of {entries} entries: {shown}'
        )


def _unpickled(path: Path, map_location: str | torch.device, unsafe: bool, **how: Any) -> dict[str, Any]:
    try:
        loaded = torch.load(path, map_location=map_location, weights_only=not unsafe, **how)
    except Exception as error:  # the bytes of a damaged file lead the unpickler to errors of any kind
        if not unsafe and (name := _refused_object(path, error)):
            raise CheckpointError(
                f'{path}: refused, since it holds objects that would run code ({name}). '
                'Pass --unsafe-checkpoint if you trust its source as you would trust a program'
            ) from error
        raise _no_checkpoint(path, error) from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f'{path}: holds a {type(loaded).__name__}, expected a dictionary of weights')
    return loaded


def _check_records(path: Path, like: str = '*') -> None:
    """Compares each record of a file in torch's format, a zip archive, whose name is ``like`` this with its checksum.

    Raises:
        DamagedCheckpointError: If one differs, or the archive cannot be read.
    """
    with path.open('rb') as file:
        if file.read(2) != b'PK':  # of the old format, if anything
            return
        try:
            archive = zipfile.ZipFile(file)
            if sum(record.file_size for record in archive.infolist()) > path.stat().st_size:
                raise ValueError('its records are larger than the file')  # torch.save packs nothing
            has_checksums = any(record.CRC for record in archive.infolist())
            names = fnmatch.filter(archive.namelist(), like) if has_checksums else []
            damaged = next((name for name in names if not _fits(archive, name)), None)
        except Exception as error:  # as with the unpickler, any kind
            raise _no_checkpoint(path, error) from error
    if damaged is not None:
        raise DamagedCheckpointError(f'{path}: damaged: record {damaged} does not match its checksum')


def _fits(archive: zipfile.ZipFile, name: str) -> bool:
    """Whether a record has its checksum, which is looked at when it has been read."""
    try:
        with archive.open(name) as record:
            while record.read(_PART):
                pass
    except zipfile.BadZipFile:
        return False
    return True


def _no_checkpoint(path: Path, error: Exception) -> DamagedCheckpointError:
    return DamagedCheckpointError(f'{path}: not a checkpoint, or a damaged one ({_in_short(error)})')


def _refused_object(path: Path, error: Exception) -> str | None:
    """The name of the object that torch refused to build, cut out of its long explanation; None for a damaged file."""
    if not isinstance(error, pickle.UnpicklingError):
        return None
    named = re.search(r'GLOBAL (\S+)', str(error))
    with path.open('rb') as file:
        start = file.read(2)
    if start == b'PK':  # a whole archive, or torch had not come to its objects
        return named[1] if named else 'of a kind that torch does not name'
    return named[1] if named and start == b'\x80\x02' else None  # elsewhere a name is a garbled one


def _in_short(error: Exception) -> str:
    """The kind of error and the first sentence of what is often a page of advice."""
    return f'{type(error).__name__}: {re.split(r"[.] |[.]?$", str(error), flags=re.MULTILINE)[0]}'.rstrip(': ')
