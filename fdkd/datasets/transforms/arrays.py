"""Arrays of any other sensor."""

from zipfile import BadZipFile

import numpy as np

from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.errors import DataError
from fdkd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadArray(ModalityTransform):
    """Reads the ``.npy`` file at the modality's path: float32 ``[C, ...]``; a matrix ``[A, B]`` becomes ``[1, A, B]``.

    Raises:
        DataError: If the file is absent or damaged, or holds anything but finite real numbers, or none.
    """

    def apply(self, value: str, sample_id: str) -> np.ndarray:
        try:
            array = np.load(value, allow_pickle=False)
        except FileNotFoundError as error:
            raise DataError(f'{value}: no such file') from error
        except (OSError, ValueError, EOFError, SyntaxError, BadZipFile) as error:
            raise DataError(f'{value}: not a readable .npy file of numbers ({error})') from error
        if not isinstance(array, np.ndarray) or array.dtype.kind not in 'biuf':
            found = getattr(array, 'dtype', 'an archive of several arrays')
            raise DataError(f'{value}: {found}, expected one array of real numbers (numpy.save)')
        if not array.size or not array.ndim:
            raise DataError(f'{value}: the shape is {array.shape}, expected one value or more along a dimension')
        with np.errstate(over='ignore'):
            array = array.astype(np.float32)
        if not np.isfinite(array).all():
            bad = array.size - np.count_nonzero(np.isfinite(array))
            raise DataError(f'{value}: {bad} of {array.size} values are not finite in float32, expected none')
        return array[None] if array.ndim == 2 else array
