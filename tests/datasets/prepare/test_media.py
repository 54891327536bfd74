"""Reading sound and frames, from containers that PyAV writes."""

import cv2
import numpy as np
import pytest
import soundfile

from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.prepare.media import read_audio, read_frames


def decode(jpegs):
    return [cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) for jpeg in jpegs]


def numbers(jpegs):
    """Which frames of ``write_clip`` these are."""
    return [round((float(image.mean()) - 20) / 4) for image in decode(jpegs)]


@pytest.mark.parametrize(('name', 'codecs'), [('a.mp4', {}), ('a.flv', {'video': 'flv1'}), ('a.mkv', {})])
def test_sound_is_resampled_to_16_khz(tmp_path, write_clip, name, codecs):
    write_clip(tmp_path / name, **codecs)
    sound = read_audio(tmp_path / name)
    assert sound.dtype == np.float32
    assert 16000 <= len(sound) <= 16900  # the codec pads to whole blocks
    spectrum = np.abs(np.fft.rfft(sound[2000:14000] * np.hanning(12000)))
    assert abs(np.argmax(spectrum) * 16000 / 12000 - 440) < 1.4
    assert np.abs(sound[2000:14000]).max() == pytest.approx(0.5, abs=0.02)


def test_resampled_sound_equals_the_tone(tmp_path, write_clip):
    write_clip(tmp_path / 'a.wav', video=None, audio='pcm_s16le')
    sound = read_audio(tmp_path / 'a.wav')
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert len(sound) == 16000
    np.testing.assert_allclose(sound[200:-200], tone[200:-200], atol=2e-3)


def test_channels_are_averaged(tmp_path, write_clip):
    samples = np.random.default_rng(0).integers(-20000, 20000, (16000, 2), dtype=np.int16)
    write_clip(tmp_path / 'a.wav', video=None, audio='pcm_s16le', rate=16000, samples=samples)
    np.testing.assert_allclose(read_audio(tmp_path / 'a.wav'), samples.mean(1) / 32768, atol=1e-7)


@pytest.mark.parametrize(('name', 'codec'), [('a.mp4', 'mpeg4'), ('a.flv', 'flv1')])
def test_frames_at_the_middle_of_each_interval(tmp_path, write_clip, name, codec):
    write_clip(tmp_path / name, 2.0, video=codec)
    assert numbers(read_frames(tmp_path / name, 1, 48)) == [13, 38]  # 0.5 s and 1.5 s lie at 12.5 and 37.5
    assert numbers(read_frames(tmp_path / name, 2, 48)) == [7, 19, 32, 44]  # 6.25, 18.75, 31.25, 43.75


def test_more_frames_than_there_are_repeat(tmp_path, write_clip):
    write_clip(tmp_path / 'a.mp4', 0.2)
    assert numbers(read_frames(tmp_path / 'a.mp4', 50, 48)) == [1, 1, 2, 2, 3, 3, 4, 4]


def test_clip_too_short_for_a_frame_gives_its_last(tmp_path, write_clip):
    write_clip(tmp_path / 'a.mp4', 0.4)
    assert numbers(read_frames(tmp_path / 'a.mp4', 1, 48)) == [9]


def test_short_side_never_grows(tmp_path, write_clip):
    write_clip(tmp_path / 'a.mp4')
    assert decode(read_frames(tmp_path / 'a.mp4', 1, 24))[0].shape == (24, 32, 3)
    assert decode(read_frames(tmp_path / 'a.mp4', 1, 256))[0].shape == (48, 64, 3)


@pytest.mark.parametrize(
    ('name', 'codecs'),
    [
        ('a.mp4', {}),
        ('a.mp4', {'options': {'movflags': 'faststart'}}),
        ('a.flv', {'video': 'flv1'}),
        ('a.mkv', {}),
        ('a.avi', {'audio': 'pcm_s16le'}),
    ],
)
def test_truncated_video(tmp_path, write_clip, truncate, name, codecs):
    write_clip(tmp_path / name, 2.0, **codecs)
    truncate(tmp_path / name)
    for read in (read_audio, lambda path: read_frames(path, 1, 48)):
        with pytest.raises(SourceError, match=rf'{name}: .*truncated'):
            read(tmp_path / name)


def test_truncated_wav(tmp_path, write_clip, truncate):
    write_clip(tmp_path / 'a.wav', video=None, audio='pcm_s16le')
    truncate(tmp_path / 'a.wav')
    with pytest.raises(SourceError, match=r'a\.wav: truncated, it ends after 0\.5 s'):
        read_audio(tmp_path / 'a.wav')


def test_missing_streams(tmp_path, write_clip):
    write_clip(tmp_path / 'mute.mp4', audio=None)
    write_clip(tmp_path / 'dark.wav', video=None, audio='pcm_s16le')
    with pytest.raises(SourceError, match=r'mute\.mp4: no audio stream'):
        read_audio(tmp_path / 'mute.mp4')
    with pytest.raises(SourceError, match=r'dark\.wav: no video stream'):
        read_frames(tmp_path / 'dark.wav', 1, 48)
    assert numbers(read_frames(tmp_path / 'mute.mp4', 1, 48)) == [13]


def test_empty_streams(tmp_path, write_clip):
    soundfile.write(tmp_path / 'a.wav', np.zeros(0, np.int16), 16000)
    with pytest.raises(SourceError, match=r'a\.wav: its audio stream is empty'):
        read_audio(tmp_path / 'a.wav')
    write_clip(tmp_path / 'a.avi', 0.0, audio='pcm_s16le', samples=np.zeros((8000, 2), np.int16))
    with pytest.raises(SourceError, match=r'a\.avi: its video stream has no frames'):
        read_frames(tmp_path / 'a.avi', 1, 48)


@pytest.mark.parametrize(
    ('data', 'told'),
    [
        (b'', 'an empty file'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n', 'a pointer of Git LFS in place of'),
        (b'<html>404</html>' * 9, 'damaged or truncated'),
    ],
)
def test_file_that_is_no_media(tmp_path, data, told):
    (tmp_path / 'a.flv').write_bytes(data)
    with pytest.raises(SourceError, match=rf'a\.flv: {told}'):
        read_audio(tmp_path / 'a.flv')


def test_a_playlist_does_not_lead_to_another_file(tmp_path, write_clip):
    write_clip(tmp_path / 'other.mp4')
    (tmp_path / 'a.mp4').write_text("ffconcat version 1.0\nfile 'other.mp4'\n")
    for read in (read_audio, lambda path: read_frames(path, 1, 48)):
        with pytest.raises(SourceError, match=r'a\.mp4: '):
            read(tmp_path / 'a.mp4')
