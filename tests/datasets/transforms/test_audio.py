"""Waveforms arrive as stored, and noise has the power that was asked for, the same for the same sample."""

import struct

import numpy as np
import pytest
import soundfile

from fdkd.datasets.transforms import AddNoise, LoadAudio
from fdkd.errors import ConfigError, DataError

RATE = 16000
TONE = (12000 * np.sin(np.arange(4000) * 0.05)).astype(np.int16)
WAVEFORM = TONE / np.float32(32768)


@pytest.fixture
def tone(tmp_path):
    path = tmp_path / 'tone.wav'
    soundfile.write(path, TONE, RATE)
    return path


def load(path, **arguments):
    return LoadAudio('audio', **arguments)({'sample_id': 'a', 'audio': str(path)})['audio']


def refuse(path, message):
    with pytest.raises(DataError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f'{path}: ')


def test_full_scale_is_one(tone):
    samples = load(tone)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, WAVEFORM)


@pytest.mark.parametrize(
    ('seconds', 'length'), [(0.1, 1600), (0.25, 4000), (1, 16000), (0.30001, 4800), (0.29999, 4800)]
)
def test_clips_are_repeated_or_cut(tone, seconds, length):
    expected = [TONE[index % 4000] / 32768 for index in range(length)]
    np.testing.assert_array_equal(load(tone, seconds=seconds), np.array(expected, np.float32))


def test_the_rate_is_part_of_the_length(tmp_path):
    soundfile.write(tmp_path / 'a.wav', TONE, 8000)
    assert load(tmp_path / 'a.wav', rate=8000, seconds=2).shape == (16000,)


@pytest.mark.parametrize('seconds', [0, -1, 1e-6])
def test_a_length_without_samples_is_refused(seconds):
    with pytest.raises(ConfigError, match='expected a length above 0'):
        LoadAudio('audio', seconds=seconds)


def test_an_absent_file_is_named(tmp_path):
    refuse(tmp_path / 'a.wav', 'no such file')


@pytest.mark.parametrize(
    ('samples', 'rate', 'message'),
    [
        (TONE, 44100, '44100 Hz, expected 16000 Hz: convert the data with `fdkd prepare`'),
        (np.stack([TONE, TONE], 1), RATE, '2 channels, expected mono'),
        (TONE[:0], RATE, 'empty, no samples'),
        (TONE * 0, RATE, 'silent, all 4000 samples are zero'),
        (np.array([0.5, np.nan], np.float32), RATE, 'finite'),
    ],
)
def test_unsuitable_audio_is_refused(tmp_path, samples, rate, message):
    path = tmp_path / 'a.wav'
    soundfile.write(path, samples, rate, subtype='FLOAT' if samples.dtype == np.float32 else None)
    refuse(path, message)


@pytest.mark.parametrize('share', [0, 0.003, 0.6, 0.999])
@pytest.mark.parametrize('suffix', ['wav', 'flac'])
def test_truncated_audio_is_refused(tmp_path, suffix, share):
    path = tmp_path / f'a.{suffix}'
    soundfile.write(path, TONE, RATE)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    refuse(path, 'truncated|empty')


def test_a_chunk_before_the_data_does_not_hide_a_cut(tone):
    data = tone.read_bytes()
    extended = data[:36] + b'note' + struct.pack('<I', 3) + b'odd\0' + data[36:]
    extended = extended[:4] + struct.pack('<I', len(extended) - 8) + extended[8:]
    tone.write_bytes(extended)
    np.testing.assert_array_equal(load(tone), WAVEFORM)
    tone.write_bytes(extended[:-2])
    refuse(tone, 'truncated, 3999 samples')


def test_a_stream_of_unknown_length_is_read(tone):
    data = bytearray(tone.read_bytes())
    data[4:8] = data[40:44] = b'\xff' * 4
    tone.write_bytes(data)
    np.testing.assert_array_equal(load(tone), WAVEFORM)


def test_garbage_is_refused(tmp_path):
    (tmp_path / 'a.wav').write_bytes(np.random.default_rng(0).bytes(500))
    refuse(tmp_path / 'a.wav', 'unreadable or truncated audio')


def noisy(sample_id, snr_db, clip=WAVEFORM):
    return AddNoise('audio', snr_db)({'sample_id': sample_id, 'audio': clip})['audio']


@pytest.mark.parametrize('snr_db', [-20, 0, 7.5])
def test_the_power_ratio_is_exact(snr_db):
    result = noisy('a', snr_db)
    assert result.dtype == np.float32
    noise = result.astype(float) - WAVEFORM
    assert 10 * np.log10(np.sum(WAVEFORM.astype(float) ** 2) / np.sum(noise**2)) == pytest.approx(snr_db, abs=1e-3)


def test_noise_is_gaussian_and_white():
    noise = noisy('a', 0, np.full(100000, 0.5, np.float32)) - 0.5
    assert noise.std() == pytest.approx(0.5, rel=1e-2)
    assert np.mean(np.abs(noise) < 0.5) == pytest.approx(0.6827, abs=5e-3)
    assert np.corrcoef(noise[1:], noise[:-1])[0, 1] == pytest.approx(0, abs=0.01)


def test_noise_depends_on_the_id_alone():
    first = noisy('a', 0)
    np.random.seed(5)
    np.testing.assert_array_equal(noisy('a', 0), first)
    assert np.abs(noisy('b', 0) - first).max() > 0.1


def test_a_clip_is_not_changed_in_place():
    clip = np.ones(100, np.float32)
    noisy('a', 0, clip)
    assert (clip == 1).all()


@pytest.mark.parametrize('snr_db', [float('nan'), float('inf')])
def test_a_ratio_that_is_no_number_is_refused(snr_db):
    with pytest.raises(ConfigError, match='finite number of decibels'):
        AddNoise('audio', snr_db)


@pytest.mark.parametrize('transform', [LoadAudio('audio'), AddNoise('audio', 0)])
def test_a_sample_without_audio_passes_untouched(transform):
    assert transform({'sample_id': 'a', 'visual': 1}) == {'sample_id': 'a', 'visual': 1}


def test_a_file_called_raw_is_named(tmp_path):
    """From the suffix soundfile concludes that there is no header."""
    (tmp_path / 'a.raw').write_bytes(b'12345678')
    refuse(tmp_path / 'a.raw', 'unreadable or truncated audio')


def test_no_room_is_made_for_a_clip_as_long_as_its_header_says(tmp_path):
    """A header of 36 bits takes a few samples for hundreds of gigabytes."""
    path = tmp_path / 'a.flac'
    soundfile.write(path, TONE, RATE)
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] | 0x0F]) + b'\xff' * 4  # the number of samples in STREAMINFO
    path.write_bytes(content)
    refuse(path, 'states 68,719,476,735 samples in 1 channels, which no clip has')
