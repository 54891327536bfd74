"""Reading MATLAB files, old (v5) and new (v7.3, which is HDF5), with errors that say what a wrong file is instead."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import loadmat

from fdkd.datasets.prepare.files import SourceError

# A frame may lie in chunks that span further frames; with HDF5's small default each would be unpacked once per frame.
_CHUNK_CACHE = 32 << 20


def open_v73(path: Path) -> h5py.File:
    """Opens a MATLAB v7.3 file for reading.

    Raises:
        SourceError: If it is something else or shorter than its own header says.
    """
    try:
        return h5py.File(path, 'r', rdcc_nbytes=_CHUNK_CACHE)
    except OSError as error:
        begun = h5py.is_hdf5(path) or _head(path).startswith(b'MATLAB 7.3')
        found = f'truncated or damaged at {path.stat().st_size:,} bytes ({error})' if begun else _kind(path)
        raise SourceError(f'{path}: {found}, expected a whole MATLAB v7.3 (HDF5) file') from error


def load_v5(path: Path, *keys: str) -> dict[str, Any]:
    """All variables of a MATLAB v5 file, which must hold ``keys``.

    Raises:
        SourceError: If it is something else, damaged, or lacks a key.
    """
    try:
        content = loadmat(path)
    except Exception as error:  # whatever scipy meets in a damaged file: ValueError, TypeError, zlib.error, ...
        raise SourceError(f'{path}: {_kind(path)}, expected a whole MATLAB v5 file ({error})') from error
    if missing := [key for key in keys if key not in content]:
        found = ', '.join(key for key in content if not key.startswith('__')) or 'nothing'
        raise SourceError(f'{path}: no variable {", ".join(map(repr, missing))}, it holds {found}')
    return content


def whole_numbers(path: Path, content: dict[str, Any], key: str) -> list[int]:
    """The numbers of one variable, which MATLAB may hold as integers or as floats.

    Raises:
        SourceError: If one has a fraction or is none.
    """
    values = np.ravel(content[key])
    if values.dtype.kind not in 'uif' or not np.isfinite(values).all() or (values % 1).any():
        raise SourceError(f'{path}: {key!r} holds {values.dtype} with other than whole numbers, expected integers')
    return [int(value) for value in values]


def texts_v5(cells: np.ndarray) -> list[str]:
    """The texts of a cell array of a v5 file."""
    return [''.join(map(str, np.ravel(cell))) for cell in np.ravel(cells)]


def texts_v73(file: h5py.File, key: str) -> list[str]:
    """The texts of a cell array of a v7.3 file, where each cell refers to an array of character codes.

    Raises:
        SourceError: If one of these arrays lies in another file.
    """
    cells = [file[reference] for reference in np.ravel(file[key][()])]
    if any(lies_elsewhere(file, cell) for cell in cells):
        raise SourceError(f'{file.filename}: a text of {key!r} lies in another file, expected it in this one')
    return [''.join(map(chr, np.ravel(cell[()]))) for cell in cells]


def lies_elsewhere(file: h5py.File, array: h5py.Dataset) -> bool:
    """Whether HDF5 would read an array's values from another file than the one that it was looked up in."""
    return bool(array.file.filename != file.filename or array.external or array.is_virtual)


def _kind(path: Path) -> str:
    """What the first bytes of a file say it is."""
    head = _head(path)
    known = {b'MATLAB 5.0': 'a MATLAB v5 file', b'MATLAB 7.3': 'a MATLAB v7.3 file', b'\x89HDF': 'an HDF5 file'}
    if not head:
        return 'an empty file'
    if head.lstrip().startswith(b'<'):
        return 'an HTML page, as servers send for an error'
    return next((kind for start, kind in known.items() if head.startswith(start)), f'a file that starts {head[:8]!r}')


def _head(path: Path) -> bytes:
    with open(path, 'rb') as file:
        return file.read(512)
