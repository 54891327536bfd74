"""Frames of videos and cameras one by one, and videos made of frames."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from fdkd.datasets.transforms.video import count_packets, opened_video
from fdkd.errors import DataError, FdkdError
from fdkd.files import written_whole

#: Frames a second of a video that does not state them, and of what a camera shows.
RATE = 25.0


def video_length(path: str) -> tuple[int, float]:
    """The number of frames of a video, as far as packets tell, and how many there are in a second.

    Raises:
        DataError: If the file is absent, truncated or undecodable, or has no frames.
    """
    with _said(path):
        count = count_packets(path)
        with opened_video(path) as container:
            rate = container.streams.video[0].average_rate
    if not count:
        raise DataError(f'{path}: a video without a frame')
    return count, float(rate or RATE)


def video_frames(path: str, stride: int) -> Iterator[tuple[float, np.ndarray]]:
    """Every ``stride``-th frame of a video, uint8 ``[H, W, 3]`` in RGB, with its time in seconds from the first.

    Raises:
        DataError: If the file is absent, truncated or undecodable.
    """
    with _said(path), opened_video(path) as container:
        rate, first = float(container.streams.video[0].average_rate or RATE), None
        for number, frame in enumerate(container.decode(video=0)):
            time = number / rate if frame.time is None else frame.time
            first = time if first is None else first
            if number % stride == 0:
                yield time - first, frame.to_ndarray(format='rgb24')


@contextmanager
def _said(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f'{path}: no such file') from error
    except (av.FFmpegError, OSError) as error:
        raise DataError(f'{path}: truncated or undecodable video ({error})') from error


def camera_frames(number: int, stride: int) -> Iterator[tuple[float, np.ndarray]]:
    """What a camera shows, as :func:`video_frames`, until it ends.

    Args:
        number: OpenCV's of the camera; 0 is the first.
        stride: Of how many frames one is taken.

    Raises:
        DataError: If there is no such camera, or it shows nothing.
    """
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # a page where there is no camera
    capture = cv2.VideoCapture(number)
    cv2.utils.logging.setLogLevel(level)
    try:
        if not capture.isOpened():
            raise DataError(f'webcam:{number}: there is no such camera, or another program uses it')
        taken, begun = 0, cv2.getTickCount()
        while (read := capture.read())[0]:
            if taken % stride == 0:
                time = (cv2.getTickCount() - begun) / cv2.getTickFrequency()
                yield time, np.ascontiguousarray(read[1][..., ::-1])
            taken += 1
        if not taken:
            raise DataError(f'webcam:{number}: the camera shows nothing')
    finally:
        capture.release()


@contextmanager
def written_video(path: Path, fps: float) -> Iterator[Callable[[np.ndarray], None]]:
    """Gives what takes the frames of an MP4 file (H.264), uint8 ``[H, W, 3]`` in RGB, all of one size.

    The file appears when all went well. An odd width or height gains a row or column, since the format has none.

    Raises:
        FdkdError: If it gets no frame, or FFmpeg cannot write it.
    """
    with written_whole(path) as partial:
        try:
            with av.open(str(partial), 'w', format='mp4') as container:
                stream = None

                def add(frame: np.ndarray) -> None:
                    nonlocal stream
                    height, width = frame.shape[:2]
                    frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode='edge')
                    if stream is None:
                        stream = container.add_stream('libx264', rate=Fraction(fps).limit_denominator(1001))
                        stream.height, stream.width = frame.shape[:2]
                        stream.pix_fmt, stream.options = 'yuv420p', {'crf': '20', 'preset': 'veryfast'}
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))

                yield add
                if stream is None:
                    raise FdkdError(f'{path}: not written, there was no frame')
                container.mux(stream.encode())
        except av.FFmpegError as error:
            raise FdkdError(f'{path}: the video cannot be written ({error})') from error
