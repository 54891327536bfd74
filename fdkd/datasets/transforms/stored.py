"""Features that a model gave somewhere else, one file for each sample."""

import math
from collections.abc import Mapping, Sequence
from typing import Any
from zipfile import ZipFile

import numpy as np

from fdkd.datasets.transforms.arrays import real_numbers
from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.errors import ConfigError, DataError
from fdkd.registry import TRANSFORMS

#: Bytes that an array's description, and one of its values, take at most.
_HEADER, _WIDEST = 2**16, 32


def tap_shapes(taps: Any) -> dict[str, tuple[int, ...]]:
    """The shape of each stored tensor, as a config states it.

    Raises:
        ConfigError: If that is no shape by name, such as ``dict(feat=(512,), logits=(10,))``.
    """
    usable = isinstance(taps, Mapping) and taps and all(map(_is_shape, taps.values()))
    if not usable or not all(isinstance(name, str) and name and '.' not in name for name in taps):
        raise ConfigError(f'taps={taps!r}, expected the shape of each by its name: dict(feat=(512,), logits=(10,))')
    return {name: tuple(shape) for name, shape in taps.items()}


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, Sequence) and len(shape) > 0 and all(type(size) is int and size > 0 for size in shape)


@TRANSFORMS.register_module()
class LoadFeatures(ModalityTransform):
    """Reads what is stored for a sample, for :class:`~fdkd.models.stored_features.StoredFeatures`.

    The file at the modality's path is an ``.npy`` with the one tap there is, or an ``.npz`` with an array for each,
    under its name; further ones are left where they are. The result is float32 ``[sum of the taps' sizes]``: all values
    in a row, in the order of ``taps``.

    Args:
        modality: The modality.
        taps: Shape of each tap by name, without the batch: ``dict(feat=(512,), logits=(10,))``.

    Raises:
        ConfigError: If ``taps`` are no shapes.
        DataError: If the file is absent or damaged, lacks a tap, or holds one of another shape, or values that are not
            finite real numbers.
    """

    def __init__(self, modality: str, taps: Mapping[str, Sequence[int]]) -> None:
        super().__init__(modality)
        self.taps = tap_shapes(taps)

    def apply(self, value: str, sample_id: str) -> np.ndarray:
        arrays = self._read(value)
        for name, shape in self.taps.items():
            if arrays[name].shape != shape:
                raise DataError(
                    f'{value}: {name} has the shape {arrays[name].shape}, expected {shape} as taps.{name} says'
                )
        return np.concatenate([real_numbers(arrays[name], f'{value}: {name}').ravel() for name in self.taps])

    def _refuse_large(self, archive: ZipFile) -> None:
        """Refuses arrays that would unpack to more than values of any type of these shapes take."""
        for entry in archive.infolist():
            shape = self.taps.get(entry.filename.removesuffix('.npy'))
            if shape and entry.file_size > _HEADER + _WIDEST * math.prod(shape):
                raise ValueError(f'{entry.filename} unpacks to {entry.file_size:,} bytes, too many for {shape}')

    def _read(self, path: str) -> dict[str, np.ndarray]:
        """The array of each tap."""
        names = list(self.taps)
        try:
            found = np.load(path, allow_pickle=False)
            if isinstance(found, np.ndarray):
                arrays = {names[0]: found} if len(names) == 1 else {}
            else:
                with found:
                    self._refuse_large(found.zip)
                    arrays = {name: found[name] for name in names if name in found}
        except FileNotFoundError as error:
            raise DataError(f'{path}: no such file') from error
        except Exception as error:  # the bytes of a damaged header lead NumPy to errors of any kind
            raise DataError(f'{path}: not a readable .npy or .npz file of numbers ({error})') from error
        if lacking := [name for name in names if name not in arrays]:
            held = 'one array' if isinstance(found, np.ndarray) else f'the arrays {", ".join(found.files) or "none"}'
            raise DataError(f'{path}: {held}, expected an .npz with {", ".join(lacking)} (numpy.savez)')
        return arrays


def total_size(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many values all taps of a sample have."""
    return sum(map(math.prod, shapes.values()))
