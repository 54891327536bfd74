"""Frames of videos and of a made-up camera; videos that appear whole."""

import av
import numpy as np
import pytest

import fdkd.inference.video as module
from fdkd.errors import DataError, FdkdError
from fdkd.inference.video import camera_frames, video_frames, video_length, written_video
from tests.datasets.transforms.test_video import FRAMES, number, write_video


class Camera:
    """Shows some frames, blue in OpenCV's order of colours, and ends."""

    def __init__(self, frames, opened=True):
        self.frames, self.opened, self.released = iter(frames), opened, False

    def isOpened(self):
        return self.opened

    def read(self):
        frame = next(self.frames, None)
        return frame is not None, frame

    def release(self):
        self.released = True


@pytest.fixture
def camera(monkeypatch):
    """Puts a camera in place of OpenCV's."""

    def put(count, opened=True):
        frames = [np.full((4, 6, 3), (200, 0, index), np.uint8) for index in range(count)]
        made = Camera(frames, opened)
        monkeypatch.setattr(module.cv2, 'VideoCapture', lambda number: made)
        return made

    return put


def test_every_frame_or_some_with_their_times(tmp_path):
    path = str(write_video(tmp_path / 'a.mp4'))
    assert video_length(path) == (FRAMES, 25.0)
    found = list(video_frames(path, 1))
    assert [number(frame) for _, frame in found] == list(range(FRAMES))
    assert [time for time, _ in found] == pytest.approx([index / 25 for index in range(FRAMES)])
    assert [number(frame) for _, frame in video_frames(path, 8)] == [0, 8, 16]


def test_damaged_and_absent_videos_are_named(tmp_path):
    whole = write_video(tmp_path / 'a.mp4').read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(whole[: len(whole) // 2])
    for name, words in (('cut.mp4', 'truncated or undecodable'), ('gone.mp4', 'no such file')):
        with pytest.raises(DataError, match=f'{name}: {words}'):
            video_length(str(tmp_path / name))
        with pytest.raises(DataError, match=f'{name}: {words}'):
            next(video_frames(str(tmp_path / name), 1))


def test_a_camera_shows_rgb_until_it_ends(camera):
    made = camera(5)
    found = list(camera_frames(0, 2))
    assert [frame[0, 0].tolist() for _, frame in found] == [[0, 0, 200], [2, 0, 200], [4, 0, 200]]
    times = [time for time, _ in found]
    assert times == sorted(times)
    assert made.released


def test_no_camera_and_a_dark_one_are_named(camera):
    for made, words in ((camera(0), 'shows nothing'), (camera(1, opened=False), 'no such camera')):
        module.cv2.VideoCapture = lambda number, made=made: made
        with pytest.raises(DataError, match=f'webcam:3: .*{words}'):
            next(camera_frames(3, 1))
        assert made.released


def test_a_video_holds_its_frames_and_an_odd_size_gains_a_pixel(tmp_path):
    frames = [np.full((15, 21, 3), (value, 40, 90), np.uint8) for value in (10, 120, 240)]
    with written_video(tmp_path / 'a.mp4', 30000 / 1001) as add:
        for frame in frames:
            add(frame)
        assert not (tmp_path / 'a.mp4').exists()
    with av.open(str(tmp_path / 'a.mp4')) as container:
        assert float(container.streams.video[0].average_rate) == pytest.approx(29.97, abs=0.01)
        found = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
    assert [frame.shape for frame in found] == [(16, 22, 3)] * 3
    for frame, expected in zip(found, frames, strict=True):
        assert np.abs(frame[:15, :21].astype(int) - expected).mean() < 4


def test_what_fails_leaves_the_former_video(tmp_path):
    (tmp_path / 'a.mp4').write_bytes(b'former')
    with pytest.raises(AttributeError), written_video(tmp_path / 'a.mp4', 25) as add:
        add(None)
    with pytest.raises(FdkdError, match='there was no frame'), written_video(tmp_path / 'a.mp4', 25):
        pass
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [('a.mp4', b'former')]
