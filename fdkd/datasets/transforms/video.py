"""Chosen frames of a video file, decoded with PyAV."""

from collections.abc import Callable, Sequence

import av
import numpy as np

from fdkd.errors import DataError, FdkdError

#: Suffixes of the files that are read as videos.
SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.flv', '.mpg', '.mpeg')
#: FFmpeg's names of their formats.
_FORMATS = 'avi,flv,matroska,mov,mp4,mpeg,mpegts,mpegvideo,webm'
#: A file may end so many seconds before the end that its header states.
TOLERANCE = 1.0


def read_video(path: str, choose: Callable[[int], Sequence[int]]) -> list[np.ndarray]:
    """The frames at the indices that ``choose`` returns for their number: uint8 ``[H, W, 3]`` each, in RGB.

    The packets are counted first, which costs no decoding, and only the chosen frames are converted and kept, so that
    memory does not grow with the video's length. Where a file holds more or fewer frames than packets, as edited ones
    may, it is decoded once more with the true number. An MPEG program stream (.mpg) states no length: one that was cut
    between two packets passes as a shorter video.

    Raises:
        DataError: If the file is absent, truncated or undecodable, or has no video frames.
    """
    try:
        count = count_packets(path)
        indices = choose(count) if count else ()
        frames, decoded = _decode(path, indices)
        if decoded != count and decoded:
            indices = choose(decoded)
            frames, _ = _decode(path, indices)
    except FileNotFoundError as error:
        raise DataError(f'{path}: no such file') from error
    except FdkdError:
        raise
    except Exception as error:  # the bytes of a damaged file lead PyAV to errors of any kind
        raise DataError(f'{path}: truncated or undecodable video ({error})') from error
    if not frames:
        raise DataError(f'{path}: no video frames could be decoded: leave this clip out of the lists')
    return [frames[index] for index in indices]


def count_packets(path: str) -> int:
    """Number of packets with video; a file whose end is missing is refused, also where FFmpeg would say nothing."""
    with opened_video(path) as container:
        if not container.streams.video:
            raise DataError(f'{path}: no video stream in it: leave this clip out of the lists')
        count, end = 0, 0.0
        for packet in container.demux():
            if packet.is_corrupt:
                raise DataError(f'{path}: truncated video, it ends within a frame: copy or convert the file again')
            count += packet.stream == container.streams.video[0] and packet.size > 0
            if packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        # Matroska and WebM files can be cut between packets; other formats state no reliable duration or notice it.
        stated = (container.duration or 0) / av.time_base if 'matroska' in container.format.name else 0
        if end < stated - TOLERANCE:
            raise DataError(f'{path}: truncated video, {end:.1f} s of {stated:.1f} s are there: copy it again')
    return count


def _decode(path: str, indices: Sequence[int]) -> tuple[dict[int, np.ndarray], int]:
    """The frames at ``indices`` as far as there are so many, and the number of all."""
    frames, count, wanted = {}, 0, set(indices)
    with opened_video(path) as container:
        for frame in container.decode(video=0):
            if count in wanted:
                frames[count] = frame.to_ndarray(format='rgb24')
            count += 1
    return frames, count


def opened_video(path: str) -> av.container.InputContainer:
    """Opens a file of one of the formats that :data:`SUFFIXES` stand for; a playlist would lead to other files."""
    return opened_media(path, _FORMATS)


def opened_media(path: str, formats: str) -> av.container.InputContainer:
    """Opens a file of one of FFmpeg's ``formats``, separated by commas, that leads to no other file."""
    options = {'format_whitelist': formats, 'protocol_whitelist': 'file'}
    return av.open(path, options=options, metadata_errors='replace')
