"""Results of transforms kept on disk, for what is slow and comes out the same every time."""

import hashlib
import json
import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.errors import ConfigError, DataError
from fdkd.registry import TRANSFORMS
from fdkd.version import __version__


@TRANSFORMS.register_module()
class Cached(ModalityTransform):
    """Applies a chain of transforms of one modality, once per sample: later calls read the result from ``folder``.

    A result belongs to the chain's configs, the version of fdkd, the sample's id and the modality's value: of a file
    also its size and time of change, of a folder those of its files. It has the numbers that the chain gives, as a
    tensor. Several processes may share a folder; a damaged result is computed again.

    Args:
        modality: The modality.
        folder: Where results are kept; it is made if needed, and can be deleted at any time.
        transforms: Configs of the chain.

    Raises:
        ConfigError: If a transform of the chain draws random numbers, or belongs to another modality.
        DataError: If the folder cannot be written.
    """

    def __init__(self, modality: str, folder: str, transforms: Sequence[dict]) -> None:
        super().__init__(modality)
        self.folder = Path(folder)
        self.transforms = [TRANSFORMS.build(config) for config in transforms]
        for config, transform in zip(transforms, self.transforms, strict=True):
            if getattr(transform, 'modality', None) != modality:
                raise ConfigError(
                    f'Cached: {config["type"]} is no transform of {modality!r}, as every one here must be'
                )
            if getattr(transform, 'random', False):
                raise ConfigError(f'Cached: {config["type"]} draws random numbers; put it behind Cached')
        self.chain = json.dumps([__version__, list(transforms)], sort_keys=True, default=str)

    def apply(self, value: Any, sample_id: str) -> Tensor:
        key = hashlib.sha256(json.dumps([self.chain, sample_id, value, _state(value)]).encode()).hexdigest()
        path = self.folder / key[:2] / f'{key[2:]}.npy'
        try:
            return torch.from_numpy(np.load(path, allow_pickle=False))
        except (OSError, ValueError, EOFError, SyntaxError, BadZipFile):
            pass  # not there yet, or damaged
        for transform in self.transforms:
            value = transform.apply(value, sample_id)
        self._write(path, np.asarray(value))
        return torch.as_tensor(value)

    def _write(self, path: Path, array: np.ndarray) -> None:
        partial = path.with_name(f'.{uuid.uuid4().hex}.tmp')  # the name of no other process
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(partial, 'wb') as file:
                np.save(file, array)
            os.replace(partial, path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            raise DataError(f'{self.folder}: cannot keep results there ({error}); free space or set folder=') from error


def _state(value: Any) -> list[Any]:
    """Name, time of change and size of what is at a path; nothing for a value that is no path."""
    try:
        paths = [value, *sorted(entry.path for entry in os.scandir(value))] if os.path.isdir(value) else [value]
        return [(path, status.st_mtime_ns, status.st_size) for path in paths for status in (os.stat(path),)]
    except (OSError, ValueError):  # a text, which may be longer than any path or hold zero bytes
        return []
