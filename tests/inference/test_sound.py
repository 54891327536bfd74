"""Sound of files, videos and arrays: as it is where it fits, else converted as the data are."""

import av
import numpy as np
import pytest
import soundfile

from fdkd.datasets.transforms import LoadAudio
from fdkd.errors import DataError
from fdkd.inference.kinds import Reading
from fdkd.inference.sound import Sound
from fdkd.inference.sources import room
from tests.datasets.transforms.test_video import write_video
from tests.inference.tiny import RATE, write_tone

TONE = np.sin(2 * np.pi * 400 * np.arange(RATE // 4) / RATE)


def waves(given, seconds=None):
    """Names, waveforms and what is remarked."""
    kind = Sound('audio', LoadAudio('audio', RATE, seconds), Reading(), dense=False)
    found = []
    with room() as place:
        for source in kind.sources(given):
            [shot] = source.shots()
            value = shot.opener(place())
            found.append((source.name, kind.loader.apply(value, 'id'), kind.remark(value, None)))
    return found


def test_fitting_files_are_read_as_they_are(tmp_path):
    path = write_tone(tmp_path / 'a.wav', 400, 0.25)
    [(name, wave, remark)] = waves([path])
    assert (name, remark) == ('a', None)
    assert np.array_equal(wave, soundfile.read(path, dtype='float32')[0])


@pytest.mark.parametrize(
    ('rate', 'channels', 'suffix'), [(44100, 2, 'wav'), (RATE, 2, 'flac'), (8000, 1, 'wav'), (RATE, 1, 'mp3')]
)
def test_other_files_are_converted(tmp_path, rate, channels, suffix):
    path = tmp_path / f'a.{suffix}'
    samples = np.stack([np.sin(2 * np.pi * 400 * np.arange(rate // 4) / rate)] * channels, 1)
    soundfile.write(path, 0.6 * samples, rate)
    [(_, wave, _)] = waves(path)
    assert len(wave) == pytest.approx(RATE / 4, abs=40 if suffix != 'mp3' else 1200)
    middle = slice(500, 3500)
    assert np.abs(wave[middle]).max() == pytest.approx(0.6, abs=0.05)
    assert suffix == 'mp3' or np.abs(wave[middle] - 0.6 * TONE[middle]).max() < 0.05


def test_the_sound_of_a_video(tmp_path):
    path = tmp_path / 'a.mkv'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('pcm_s16le', rate=RATE, layout='mono')
        frame = av.AudioFrame.from_ndarray((10000 * TONE)[None].astype(np.int16), format='s16', layout='mono')
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    [(_, wave, _)] = waves(path)
    assert np.abs(wave[100:3900] - 10000 / 32768 * TONE[100:3900]).max() < 1e-3


def test_a_silent_film_is_refused(tmp_path):
    with pytest.raises(DataError, match=r'a\.mp4: no audio stream'):
        waves(write_video(tmp_path / 'a.mp4'))


def test_arrays_with_their_rate():
    whole = np.rint(20000 * TONE).astype(np.int16)
    [(_, wave, _), (_, other, _), (_, stereo, _)] = waves(
        [(whole, RATE), (0.5 * TONE, np.int64(RATE)), (np.stack([TONE] * 2, 1) / 2, RATE)]
    )
    assert np.array_equal(wave, whole / np.float32(32768))
    assert np.array_equal(other, (0.5 * TONE).astype(np.float32))
    assert np.abs(stereo - other).max() < 1e-3


def test_a_long_sound_is_remarked_on(tmp_path):
    path = write_tone(tmp_path / 'a.wav', 400, 0.25)
    [(_, wave, remark)] = waves(path, seconds=0.1)
    assert len(wave) == 1600
    assert remark.startswith('longer than 0.1 s')
    assert waves(path, seconds=0.25)[0][2] is None


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        (TONE, r'without its samples a second, expected the pair'),
        ((np.ones(9, np.int32), RATE), 'sound as int32'),
        ((np.ones((2, 2, 2)), RATE), r'sound \[2, 2, 2\] at 16000 Hz'),
        ((TONE, 0), 'at 0 Hz'),
        ((np.zeros(RATE), RATE), 'silent'),
    ],
)
def test_arrays_that_are_no_sound_are_refused(given, words):
    with pytest.raises(DataError, match=words):
        waves(given)


def test_damaged_and_foreign_files_are_named(tmp_path):
    (tmp_path / 'a.wav').write_bytes(b'RIFF nothing')
    with pytest.raises(DataError, match=r'a\.wav'):
        waves(tmp_path / 'a.wav')
    (tmp_path / 'a.png').write_bytes(b'')
    with pytest.raises(DataError, match=r'a\.png: an image, but this student takes audio: give it sound'):
        waves(tmp_path / 'a.png')
