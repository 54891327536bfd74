"""Sound and pictures of a media file, whatever its container and codecs are (decoded by PyAV, which brings FFmpeg)."""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.transforms.video import opened_media

RATE = 16000
# FFmpeg's playlists would lead from a file to others.
_FORMATS = 'aac,aiff,asf,avi,flac,flv,matroska,mov,mp3,mp4,mpeg,mpegts,mpegvideo,ogg,wav,webm'
# Headers round and estimate the length, and some streams end before others; a file is called truncated when it lacks
# more than any of that explains.
_WHOLE = 0.75
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95]


def read_audio(path: Path, rate: int = RATE) -> np.ndarray:
    """The first audio stream, as the mean of its channels.

    Args:
        path: A file of a usual container of sound or video, by its content.
        rate: Samples a second to resample to.

    Returns:
        float32 ``[samples]``, in [-1, 1] but for what resampling overshoots.

    Raises:
        SourceError: If the file has no audio stream, is damaged or truncated, or the stream is empty.
        OSError: If the file is absent.
    """
    resampler = av.AudioResampler(format='fltp', rate=rate)
    blocks = []
    for frame in _decode(path, 'audio'):
        try:
            blocks += [block.to_ndarray().mean(0) for block in resampler.resample(frame)]
        except ValueError as error:
            raise SourceError(f'{path}: its sound changes its format on the way ({error})') from error
    if not blocks:
        raise SourceError(f'{path}: its audio stream is empty')
    blocks += [block.to_ndarray().mean(0) for block in resampler.resample(None)]
    return np.concatenate(blocks).astype(np.float32)


def read_frames(path: Path, fps: float, short_side: int) -> list[bytes]:
    """The frames shown at the middle of each of the intervals of ``1 / fps`` seconds, encoded as JPEG (quality 95).

    Args:
        path: A file of a usual container of sound or video, by its content.
        fps: Frames a second. A clip too short for a single one gives its last frame.
        short_side: Pixels of the shorter side; smaller frames keep their size.

    Returns:
        The content of one JPEG file a frame, in order of time.

    Raises:
        SourceError: If the file has no video stream, is damaged or truncated, or the stream is empty.
        OSError: If the file is absent.
    """
    encoded: list[bytes] = []
    first = frame = None
    for frame in _decode(path, 'video'):
        if frame.time is None:
            continue
        first = frame.time if first is None else first
        due = int((frame.time - first) * fps + 0.5)
        if due > len(encoded):
            encoded += [_jpeg(frame, short_side)] * (due - len(encoded))
    if frame is None:
        raise SourceError(f'{path}: its video stream has no frames')
    return encoded or [_jpeg(frame, short_side)]


def _decode(path: Path, kind: str) -> Iterator[av.AudioFrame | av.VideoFrame]:
    """The frames of the first stream of a kind; checks at the end that the file was as long as its header says."""
    try:
        with opened_media(str(path), _FORMATS) as container:
            streams = getattr(container.streams, kind)
            if not streams:
                raise SourceError(f'{path}: no {kind} stream')
            start, end = (container.start_time or 0) / av.time_base, 0.0
            for packet in container.demux():  # all streams, since any of them may show where the file ends
                if packet.pts is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream.index == streams[0].index:
                    yield from packet.decode()
            declared = (container.duration or 0) / av.time_base
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f'{path}: {_kind(path)} ({error.strerror})') from error
    if end - start < _WHOLE * declared or path.stat().st_size < _WHOLE * _riff_size(path):
        raise SourceError(f'{path}: truncated, it ends after {end - start:.1f} s')


def _kind(path: Path) -> str:
    """What a file that cannot be decoded may be."""
    with open(path, 'rb') as file:
        head = file.read(64)
    if not head:
        return 'an empty file'
    if head.startswith(b'version https://git-lfs'):
        return 'a pointer of Git LFS in place of the file, which "git lfs pull" fetches'
    return 'damaged or truncated'


def _riff_size(path: Path) -> int:
    """Bytes that a WAV or AVI file should have, where it says so, since FFmpeg derives their length from the file's."""
    with open(path, 'rb') as file:
        head = file.read(8)
    size = int.from_bytes(head[4:], 'little')
    return size + 8 if head[:4] == b'RIFF' and size < 0xFFFFFFFF else 0


def _jpeg(frame: av.VideoFrame, short_side: int) -> bytes:
    image = frame.to_ndarray(format='bgr24')
    height, width = image.shape[:2]
    if (scale := short_side / min(height, width)) < 1:
        size = (round(width * scale), round(height * scale))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode('.jpg', image, _JPEG)[1].tobytes()
