"""Chosen frames of tiny videos in every container, and damaged ones refused."""

import av
import numpy as np
import pytest

from fdkd.datasets.transforms import video
from fdkd.datasets.transforms.video import read_video
from fdkd.errors import DataError

FRAMES = 20
CONTAINERS = {'.mp4': 'mpeg4', '.avi': 'mpeg4', '.mov': 'mpeg4', '.mkv': 'mpeg4', '.flv': 'flv1', '.mpg': 'mpeg1video'}
FAST_START = {'options': {'movflags': 'faststart'}}


def write_video(path, frames=FRAMES, codec=None, rate=25, metadata='', **options):
    """Frame i is red of the value 10 i + 20, with noise below it that keeps the packets large."""
    noise = np.random.default_rng(0)
    with av.open(str(path), 'w', **options) as container:
        container.metadata['title'] = metadata
        stream = container.add_stream(codec or CONTAINERS[path.suffix], rate=rate)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 64, 48, 'yuv420p', 1_000_000
        for index in range(frames):
            image = np.zeros((48, 64, 3), np.uint8)
            image[:24, :, 0] = 10 * index + 20
            image[32:] = noise.integers(0, 256, (16, 64, 3))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, 'rgb24')))
        container.mux(stream.encode())
    return path


def number(frame):
    """Which frame it is, from its red."""
    assert frame[2:20, :, 1:].mean() < 20
    return round((frame[2:20, :, 0].mean() - 20) / 10)


def refuse(path, message):
    with pytest.raises(DataError, match=message) as caught:
        read_video(str(path), lambda count: [0])
    assert str(caught.value).startswith(f'{path}: ')


@pytest.mark.parametrize('suffix', CONTAINERS)
def test_the_frames_that_were_chosen_arrive(tmp_path, suffix):
    path = write_video(tmp_path / f'a{suffix}')
    counts = []
    frames = read_video(str(path), lambda count: counts.append(count) or [17, 0, 9, 9])
    assert counts == [FRAMES]
    assert {(frame.shape, frame.dtype) for frame in frames} == {((48, 64, 3), np.dtype(np.uint8))}
    assert [number(frame) for frame in frames] == [17, 0, 9, 9]


def test_a_video_is_decoded_once(tmp_path, monkeypatch):
    path = write_video(tmp_path / 'a.mp4')
    calls = []
    decode = video._decode
    monkeypatch.setattr(video, '_decode', lambda *arguments: calls.append(1) or decode(*arguments))
    read_video(str(path), lambda count: [0, count - 1])
    assert calls == [1]


@pytest.mark.parametrize('packets', [FRAMES - 3, FRAMES + 3])
def test_the_true_number_of_frames_decides(tmp_path, monkeypatch, packets):
    path = write_video(tmp_path / 'a.mp4')
    monkeypatch.setattr(video, 'count_packets', lambda path: packets)
    frames = read_video(str(path), lambda count: [count - 1])
    assert [number(frame) for frame in frames] == [FRAMES - 1]


@pytest.mark.parametrize('suffix', [suffix for suffix in CONTAINERS if suffix != '.mpg'])
@pytest.mark.parametrize('share', [0, 0.1, 0.6])
def test_truncated_videos_are_refused(tmp_path, suffix, share):
    options = FAST_START if suffix in ('.mp4', '.mov') else {}
    path = write_video(tmp_path / f'a{suffix}', rate=5 if suffix == '.mkv' else 25, **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refuse(path, 'truncated')


def test_garbage_is_refused(tmp_path):
    path = tmp_path / 'a.mp4'
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    refuse(path, 'truncated or undecodable video')


def test_a_file_without_video_is_refused(tmp_path):
    path = tmp_path / 'a.mp4'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('aac', rate=16000, layout='mono')
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), 'fltp', 'mono')
        frame.rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    refuse(path, 'no video stream')


def test_a_video_without_frames_is_refused(tmp_path, monkeypatch):
    path = write_video(tmp_path / 'a.avi', frames=1)
    monkeypatch.setattr(video, 'count_packets', lambda path: 0)
    monkeypatch.setattr(video, '_decode', lambda path, indices: ({}, 0))
    refuse(path, 'no video frames')


def test_an_absent_file_is_named(tmp_path):
    refuse(tmp_path / 'a.mp4', 'no such file')


def test_a_list_of_files_that_is_called_a_video_leads_nowhere(tmp_path):
    """FFmpeg would read the other file."""
    write_video(tmp_path / 'other.avi')
    (tmp_path / 'a.mp4').write_text('ffconcat version 1.0\nfile other.avi\n')
    refuse(tmp_path / 'a.mp4', 'truncated or undecodable video')


def test_a_title_that_is_no_utf8_does_not_matter(tmp_path):
    path = write_video(tmp_path / 'a.avi', metadata='title')
    content = path.read_bytes()
    assert content.count(b'title') == 1
    path.write_bytes(content.replace(b'title', b'\xe9\xe9\xe9\xe9\xe9'))
    assert len(read_video(str(path), lambda count: [0])) == 1
