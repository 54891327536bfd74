"""Pictures, sounds, arrays and videos with any damage: what a decoder makes of them, or an error with their name."""

import io
import os
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fdkd.datasets.transforms.arrays import LoadArray
from fdkd.datasets.transforms.audio import LoadAudio
from fdkd.datasets.transforms.frames import LoadFrames
from fdkd.datasets.transforms.loading import LoadDepth, LoadLabelMap, LoadRGB
from tests.support.fuzzing import REFUSED, right_or_refused, spoilt, tries

pytestmark = pytest.mark.usefixtures('bounded')

#: Real files are damaged as well where this names the folder of the data sets.
REAL = os.environ.get('FDKD_REAL_DATA')
PIXELS = np.arange(8 * 12 * 3, dtype=np.uint8).reshape(8, 12, 3)
SOUND = (np.sin(np.arange(400) / 7) * 20000).astype(np.int16)


def picture(kind, pixels=PIXELS):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def sound(kind, rate=16000, subtype=None):
    buffer = io.BytesIO()
    soundfile.write(buffer, SOUND, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def array(values):
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def video(kind, codec):
    buffer = io.BytesIO()
    with av.open(buffer, 'w', format=kind) as container:
        container.metadata['title'] = 'a title'
        stream = container.add_stream(codec, rate=10, width=32, height=16)
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(np.full((16, 32, 3), 40 * number, np.uint8), format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def real(pattern):
    """The smallest real file of a kind, where there are some."""
    files = sorted(Path(REAL).glob(pattern) if REAL else (), key=lambda path: path.stat().st_size)
    return [files[0].read_bytes()] if files else []


PICTURES = [picture(kind) for kind in ('PNG', 'JPEG', 'BMP', 'PPM', 'WEBP', 'GIF', 'TIFF')] + real(
    'grid_digits/mouth/*.jpg'
)
SOUNDS = [sound('WAV'), sound('FLAC'), sound('WAV', subtype='FLOAT'), sound('OGG'), *real('grid_digits/audio/*.wav')]
ARRAYS = [
    array(np.arange(6, dtype=kind).reshape(shape)) for kind, shape in (('f4', (2, 3)), ('u1', (6,)), ('f8', (1, 2, 3)))
]
DEPTH = picture('PNG', np.full((8, 12), 1500, np.uint16))
LABEL = picture('PNG', np.full((8, 12), 3, np.uint8))


def written(path, content):
    path.write_bytes(content)
    return str(path)


@tries(150)
@given(
    content=spoilt(st.sampled_from(PICTURES)) | st.binary(max_size=40), suffix=st.sampled_from(['png', 'jpg', 'bmp'])
)
def test_a_damaged_picture_is_read_or_named(tmp_path, content, suffix):
    path = written(tmp_path / f'a.{suffix}', content)
    frames = right_or_refused('LoadFrames, picture', lambda: LoadFrames('visual').apply(path, 'a'), path)
    if frames is not REFUSED:
        assert (frames.ndim, frames.shape[:2]) == (4, (1, 3))
        assert frames.numel() > 0
    strip = right_or_refused('LoadFrames, strip', lambda: LoadFrames('visual', strip_width=4).apply(path, 'a'), path)
    assert strip is REFUSED or strip.shape[1:] == (3, frames.shape[2], 4)


@tries(80)
@given(rgb=spoilt(st.sampled_from([PICTURES[0], PICTURES[1], *real('nyu_depth_v2/rgb/*.jpg')])),
       depth=st.just(DEPTH) | spoilt(st.sampled_from([DEPTH, *real('nyu_depth_v2/depth/*.png')])),
       label=st.just(LABEL) | spoilt(st.sampled_from([LABEL, *real('nyu_depth_v2/label40/*.png')])))  # fmt: skip
def test_damaged_frames_of_a_segmentation_data_set_are_read_or_named(tmp_path, rgb, depth, label):
    sample = {'num_classes': 40}
    for name, content in (('rgb', rgb), ('depth', depth), ('label', label)):
        sample[f'{name}_path'] = written(tmp_path / f'{name}.png', content)
    for step in (LoadRGB(), LoadDepth(), LoadLabelMap()):
        name = type(step).__name__
        if right_or_refused(name, lambda step=step: step.transform(sample), tmp_path) is REFUSED:
            return
    assert sample['img'].shape[:2] == sample['depth'].shape == sample['gt_seg_map'].shape


@tries(150)
@given(
    content=spoilt(st.sampled_from(SOUNDS)) | st.binary(max_size=40),
    suffix=st.sampled_from(['wav', 'flac', 'raw', 'x']),
)
def test_a_damaged_sound_is_read_or_named(tmp_path, content, suffix):
    path = written(tmp_path / f'a.{suffix}', content)
    samples = right_or_refused('LoadAudio', lambda: LoadAudio('audio').apply(path, 'a'), path)
    if samples is not REFUSED:
        assert (samples.dtype, samples.ndim) == (np.float32, 1)
        assert np.isfinite(samples).all()
        assert samples.any()


HEADER = st.fixed_dictionaries({
    'descr': st.sampled_from(['<f4', '|u1', '|O', '<U4', '|V8', '', 3, 'x' * 99])
    | st.sampled_from([[('a', '<f4')], [('a', '<f4', (10**9,))]]),
    'fortran_order': st.booleans() | st.just(2),
    'shape': st.lists(st.sampled_from([0, 1, 2, 6, -1, 2**31, 2**62, 10**30, 'a', 1.5]), max_size=4).map(tuple),
})  # fmt: skip


def headed(header):
    text = repr(header).encode()
    return b'\x93NUMPY\1\0' + len(text).to_bytes(2, 'little') + text + bytes(24)


@tries(150)
@given(content=spoilt(st.sampled_from(ARRAYS), 128) | HEADER.map(headed) | st.binary(max_size=40))
def test_a_damaged_array_is_read_or_named(tmp_path, content):
    path = written(tmp_path / 'a.npy', content)
    values = right_or_refused('LoadArray', lambda: LoadArray('imu').apply(path, 'a'), path)
    if values is not REFUSED:
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert values.size > 0


@pytest.fixture(scope='module')
def videos():
    return [video('avi', 'mjpeg'), video('matroska', 'mpeg4'), video('mpegts', 'mpeg2video'), video('avi', 'mpeg4')]


@tries(100)
@given(data=st.data(), frames=st.integers(1, 3), suffix=st.sampled_from(['avi', 'mkv', 'mp4']))
def test_a_damaged_video_is_read_or_named(tmp_path, videos, data, frames, suffix):
    content = data.draw(spoilt(st.sampled_from(videos), 400) | st.binary(max_size=40))
    path = written(tmp_path / f'a.{suffix}', content)
    load = LoadFrames('visual', frames, 'uniform')
    found = right_or_refused('LoadFrames, video', lambda: load.apply(path, 'a'), path)
    if found is not REFUSED:
        assert found.shape[:2] == (frames, 3)
