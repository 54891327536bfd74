"""Arrays of any other sensor."""

import numpy as np

from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.errors import DataError
from fdkd.registry import TRANSFORMS


def real_numbers(array: np.ndarray, source: str) -> np.ndarray:
    """``array`` in float32.

    Args:
        array: Of any shape.
        source: What an error calls it.

    Raises:
        DataError: If it holds anything but real numbers, or some that are not finite in float32.
    """
    if array.dtype.kind not in 'biuf':
        raise DataError(f'{source}: {array.dtype}, expected one array of real numbers (numpy.save)')
    with np.errstate(over='ignore'):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        bad = array.size - np.count_nonzero(np.isfinite(array))
        raise DataError(f'{source}: {bad} of {array.size} values are not finite in float32, expected none')
    return array


def read_array(path: str, mapped: bool = False) -> np.ndarray:
    """The array in a ``.npy`` file.

    Args:
        path: The file.
        mapped: Read the header alone, and values when they are looked at.

    Raises:
        DataError: If the file is absent, damaged or an archive of several, or holds objects.
    """
    try:
        array = np.load(path, 'r' if mapped else None, allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f'{path}: no such file') from error
    except Exception as error:  # the bytes of a damaged header lead NumPy to errors of any kind
        raise DataError(f'{path}: not a readable .npy file of numbers ({error})') from error
    if not isinstance(array, np.ndarray):
        raise DataError(f'{path}: an archive of several arrays, expected one array of real numbers (numpy.save)')
    return array


def laid_out(array: np.ndarray, source: str) -> np.ndarray:
    """An array as a model takes it: ``[C, ...]`` as it is, a matrix ``[A, B]`` as ``[1, A, B]``.

    Raises:
        DataError: If it holds no value, or one without a dimension; ``source`` names it.
    """
    if not array.size or not array.ndim:
        raise DataError(f'{source}: the shape is {array.shape}, expected one value or more along a dimension')
    return array[None] if array.ndim == 2 else array


@TRANSFORMS.register_module()
class LoadArray(ModalityTransform):
    """Reads the ``.npy`` file at the modality's path: float32 ``[C, ...]``; a matrix ``[A, B]`` becomes ``[1, A, B]``.

    A vector ``[D]`` stays one.

    Raises:
        DataError: If the file is absent or damaged, or holds anything but finite real numbers, or none.
    """

    def apply(self, value: str, sample_id: str) -> np.ndarray:
        return real_numbers(laid_out(read_array(value), value), value)
