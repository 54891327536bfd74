"""What the converters are given: a small labelled set with the structure of the published one, and small videos."""

from pathlib import Path
from types import SimpleNamespace

import av
import h5py
import numpy as np
import pytest
from scipy.io import savemat

from fdkd.datasets.nyu_depth_v2 import CLASSES

ANNOTATIONS = Path(__file__).resolve().parents[4] / 'shared' / 'data' / 'annotations'
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


@pytest.fixture(scope='session')
def annotations():
    """The folder of the official lists."""
    if not ANNOTATIONS.is_dir():
        pytest.skip(f'the official lists are not at {ANNOTATIONS}')
    return ANNOTATIONS


@pytest.fixture(scope='session')
def write_clip():
    """``write_clip(path, ...)`` writes a small video: 64x48 at 25 fps, frame ``n`` grey of level ``20 + 4 * n``."""
    return _write_clip


def _write_clip(
    path: Path,
    seconds: float = 1.0,
    *,
    video: str | None = 'mpeg4',
    audio: str | None = 'aac',
    rate: int = 44100,
    samples: np.ndarray | None = None,
    options: dict[str, str] | None = None,
) -> None:
    """``samples``: int16 ``[N, 2]``, a tone of 440 Hz by default; ``video``, ``audio``: codecs, None for no stream."""
    if samples is None:
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
        samples = np.repeat(np.rint(tone * 32767)[:, None], 2, 1).astype(np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w', options=options or {}) as container:
        pictures = (
            container.add_stream(video, rate=25, width=64, height=48, pix_fmt='yuv420p', bit_rate=8_000_000)
            if video
            else None
        )
        sound = container.add_stream(audio, rate=rate, layout='stereo') if audio else None
        if pictures:
            for number in range(round(25 * seconds)):
                grey = np.full((48, 64, 3), 20 + 4 * number, np.uint8)
                container.mux(pictures.encode(av.VideoFrame.from_ndarray(grey, 'rgb24')))
            container.mux(pictures.encode())
        if sound:
            for start in range(0, len(samples), 1024):
                block = np.ascontiguousarray(samples[start : start + 1024]).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(block, 's16', 'stereo')
                frame.sample_rate, frame.pts = rate, start
                container.mux(sound.encode(frame))
            container.mux(sound.encode())


@pytest.fixture(scope='session')
def truncate():
    """``truncate(path)`` cuts a file to its first half."""

    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return cut
