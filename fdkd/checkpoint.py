"""Reading and writing checkpoints: nothing in a file is ever executed, and no half-written file is ever seen."""

import os
import pickle
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fdkd.errors import CheckpointError


def read_checkpoint(
    path: str | os.PathLike, map_location: str | torch.device = 'cpu', unsafe: bool = False
) -> dict[str, Any]:
    """Reads a checkpoint with torch's restricted unpickler, which builds tensors and plain data and runs no code.

    Args:
        path: The file.
        map_location: Where the tensors go.
        unsafe: Unpickle everything, for files from a source that you trust as you trust a program.

    Raises:
        CheckpointError: If the file is absent, damaged, no checkpoint, or holds objects that would have to run code.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f'{path}: no such checkpoint')
    try:
        loaded = torch.load(path, map_location=map_location, weights_only=not unsafe)
    except Exception as error:  # the bytes of a damaged file lead the unpickler to errors of any kind
        if not unsafe and (name := _refused_object(path, error)):
            raise CheckpointError(
                f'{path}: refused, since it holds objects that would run code ({name}). '
                'Pass --unsafe-checkpoint if you trust its source as you would trust a program'
            ) from error
        raise CheckpointError(f'{path}: not a checkpoint, or a damaged one ({_in_short(error)})') from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f'{path}: holds a {type(loaded).__name__}, expected a dictionary of weights')
    return loaded


def write_checkpoint(checkpoint: dict[str, Any], path: str | os.PathLike) -> None:
    """Writes beside ``path``, flushes to the disk and renames, so that ``path`` is the old file or the new one."""
    path = Path(path)
    partial = path.with_name(f'{path.name}.{os.getpid()}.partial')
    with partial.open('wb') as file:
        torch.save(checkpoint, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_weights(model: nn.Module, weights: dict[str, Tensor], source: str | os.PathLike) -> None:
    """Loads ``weights`` into ``model``; every name and shape has to fit.

    Raises:
        CheckpointError: With the first misfits and their number.
    """
    own = model.state_dict()
    missing = [f'{name} is missing' for name in own if name not in weights]
    unknown = [f'{name} is unknown' for name in weights if name not in own]
    shapes = [
        f'{name} has the shape {tuple(weights[name].shape)}, expected {tuple(own[name].shape)}'
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    if misfits := shapes + missing + unknown:
        entries = len({*own, *weights})
        shown = '; '.join(misfits[:3]) + ('; ...' if len(misfits) > 3 else '')
        raise CheckpointError(
            f'{source}: does not fit {type(model).__name__} in {len(misfits)} of {entries} entries: {shown}'
        )
    model.load_state_dict(weights)


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
