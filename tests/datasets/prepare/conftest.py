"""A small labelled set with the structure of the published one, from arrays in natural axis order."""

from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from fdkd.datasets.nyu_depth_v2 import CLASSES

FRAMES, WIDTH, HEIGHT, RAW = 6, 64, 48, 12


def write_matlab_v73(path: Path, arrays: dict[str, np.ndarray], names: list[str]) -> None:
    """Writes arrays in MATLAB's axis order as MATLAB does: reversed (column-major), behind a 512-byte header."""
    with h5py.File(path, 'w', userblock_size=512) as file:
        for key, array in arrays.items():
            # chunks that span two frames, so that the frame-wise reader meets them
            file.create_dataset(key, data=array.T, chunks=(2, *array.T.shape[1:]), compression='gzip')
        cells = file.create_dataset('names', (1, len(names)), h5py.ref_dtype)
        for number, name in enumerate(names):
            text = file.create_dataset(f'#refs#/{number}', data=np.array([[ord(char)] for char in name], np.uint16))
            cells[0, number] = text.ref
    with open(path, 'r+b') as file:
        file.write(b'MATLAB 7.3 MAT-file, Platform: GLNXA64'.ljust(512))


@pytest.fixture
def small_set(tmp_path):
    """``.sources`` (arguments of the converter), the arrays behind them, and ``.write()`` to write them once more.

    ``rgb`` [N, H, W, 3] uint8 (smooth, for JPEG), ``depth`` [N, H, W] float32 metres, ``labels`` [N, H, W] uint16,
    ``splits`` and ``mapping`` as their .mat files hold them.
    """
    random = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    frame_grey = [np.full_like(x, 40 * number) for number in range(FRAMES)]
    files = SimpleNamespace(
        rgb=np.stack([np.stack([4 * x, 5 * y, grey], -1) for grey in frame_grey]).astype(np.uint8),
        depth=random.uniform(0, 10, (FRAMES, HEIGHT, WIDTH)).astype(np.float32),
        labels=random.integers(0, RAW + 1, (FRAMES, HEIGHT, WIDTH)).astype(np.uint16),
        names=[f'thing {number}' for number in range(1, RAW + 1)],
        splits={'trainNdxs': np.array([[6], [2], [3], [5]], np.uint16), 'testNdxs': np.array([[1], [4]], np.uint16)},
        mapping={
            'mapClass': np.array([[40, 1, 3, 22, 5, 40, 12, 38, 40, 39, 2, 2]], np.uint8),
            'className': np.array([CLASSES], object),
        },
        sources={role: tmp_path / f'{role}.mat' for role in ('mat', 'splits', 'mapping')},
        out=tmp_path / 'nyu',
    )
    files.mapping['allClassName'] = np.array([files.names], object)

    def write():
        stacks = {'images': files.rgb, 'depths': files.depth, 'labels': files.labels}
        in_matlab_order = {key: np.moveaxis(stack, 0, -1) for key, stack in stacks.items()}
        write_matlab_v73(files.sources['mat'], in_matlab_order, files.names)
        savemat(files.sources['splits'], files.splits)
        savemat(files.sources['mapping'], files.mapping)

    files.write = write
    write()
    return files
