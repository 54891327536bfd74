"""Spectrograms against SciPy in float64, on tones, noise, near silence and real speech."""

import time

import numpy as np
import pytest
import soundfile
import torch
from scipy import signal

from fdkd.datasets.transforms import Spectrogram
from fdkd.datasets.transforms.spectrogram import log_spectrogram
from fdkd.errors import ConfigError, DataError
from tests.conftest import REPOSITORY

TIME = np.arange(48000)
NOISE = np.random.default_rng(0).standard_normal(48000)
CLOSE = 1e-4  # scipy itself is as far off in float32
SIGNALS = {
    'noise': 0.1 * NOISE,
    'near silence': 1e-5 * NOISE,
    'silence after noise': 0.1 * NOISE * (TIME < 20000),
    'tone': np.sin(0.3 * TIME),
    'square': np.sign(np.sin(0.05 * TIME)),
    'impulses': (TIME % 5000 == 100) * 1.0,
    'large offset': 0.99 + 1e-4 * NOISE,
    'ramp': TIME / 48000,
}


def scipy_logs(waveform, rate=16000, **segments):
    return np.log(signal.spectrogram(np.asarray(waveform, np.float64), rate, **segments)[2] + 1e-7)


@pytest.mark.parametrize('name', SIGNALS)
def test_equals_scipy(name):
    waveform = torch.tensor(SIGNALS[name], dtype=torch.float32)
    logs = log_spectrogram(waveform)
    assert logs.dtype == torch.float32
    np.testing.assert_allclose(logs, scipy_logs(waveform, nperseg=512, noverlap=353), rtol=0, atol=CLOSE)


@pytest.mark.parametrize(
    ('rate', 'window', 'overlap'), [(8000, 256, 0), (44100, 511, 510), (16000, 100, 37), (8000, 3, 1)]
)
def test_equals_scipy_at_other_settings(rate, window, overlap):
    waveform = torch.tensor(NOISE[:2000], dtype=torch.float32)
    expected = scipy_logs(waveform, rate, nperseg=window, noverlap=overlap)
    np.testing.assert_allclose(log_spectrogram(waveform, rate, window, overlap), expected, rtol=0, atol=CLOSE)


def test_equals_scipy_on_real_speech():
    folder = REPOSITORY.parent / 'shared' / 'data' / 'grid_digits' / 'audio'
    files = sorted(folder.glob('*.wav'))[:20]
    if not files:
        pytest.skip(f'the spoken digits are not at {folder}')
    for file in files:
        waveform = soundfile.read(file, dtype='float32')[0]
        expected = scipy_logs(waveform, nperseg=512, noverlap=353)
        np.testing.assert_allclose(log_spectrogram(torch.from_numpy(waveform)), expected, rtol=0, atol=CLOSE)


@pytest.mark.parametrize(('samples', 'columns'), [(48000, 299), (160000, 1004), (512, 1), (670, 1), (671, 2)])
def test_shapes(samples, columns):
    assert log_spectrogram(torch.zeros(samples)).shape == (257, columns)


def test_leading_dimensions_are_clips():
    waveforms = torch.tensor(NOISE[:6000], dtype=torch.float32).view(2, 3, 1000)
    logs = log_spectrogram(waveforms)
    assert logs.shape == (2, 3, 257, 4)
    torch.testing.assert_close(logs[1, 2], log_spectrogram(waveforms[1, 2]), rtol=0, atol=0)


def test_digital_silence_is_the_floor():
    torch.testing.assert_close(log_spectrogram(torch.zeros(600)), torch.full((257, 1), -16.118095))


def apply(waveform, **arguments):
    return Spectrogram('audio', **arguments)({'sample_id': 'clip7', 'audio': waveform})['audio']


def test_a_clip_is_standardised():
    waveform = (0.1 * NOISE).astype(np.float32)
    logs = scipy_logs(waveform, nperseg=512, noverlap=353)
    result = apply(waveform)
    assert (result.dtype, result.shape) == (torch.float32, (1, 257, 299))
    np.testing.assert_allclose(result[0], (logs - logs.mean()) / logs.std(), rtol=0, atol=CLOSE)


@pytest.mark.parametrize(
    'waveform', [np.zeros(48000), np.full(48000, 0.25), 1e-5 * NOISE], ids=['0', 'offset', 'faint']
)
def test_a_constant_spectrogram_becomes_zeros(waveform):
    assert not apply(waveform.astype(np.float32)).any()


def test_a_clip_shorter_than_the_window_is_named():
    with pytest.raises(
        DataError, match='audio of sample clip7: a clip of 511 samples is shorter than the window of 512'
    ):
        apply(np.ones(511, np.float32))


@pytest.mark.parametrize('overlap', [-1, 512, 600])
def test_an_overlap_beyond_the_window_is_refused(overlap):
    with pytest.raises(ConfigError, match=f'overlap={overlap}, expected 0 or more and less than window=512'):
        Spectrogram('audio', overlap=overlap)


def test_faster_than_scipy():
    waveform = torch.tensor(np.resize(NOISE, 160000), dtype=torch.float32)

    def fastest(function):
        durations = []
        for _ in range(7):
            start = time.process_time()
            function()
            durations.append(time.process_time() - start)
        return min(durations)

    ours = fastest(lambda: log_spectrogram(waveform))
    assert ours < fastest(lambda: scipy_logs(waveform, nperseg=512, noverlap=353))
