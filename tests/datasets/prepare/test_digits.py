"""Handwritten digits with generated tunes, written once for all tests."""

import csv

import cv2
import numpy as np
import pytest
import soundfile
from sklearn.datasets import load_digits

from fdkd.datasets.prepare import digits
from fdkd.datasets.prepare.digits import PITCHES, TUNES, draw_splits, tune, write_digits
from fdkd.datasets.prepare.files import SourceError


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """The folder; read it, do not write to it."""
    out = tmp_path_factory.mktemp('digits') / 'digits'
    write_digits(out)
    return out


@pytest.fixture(scope='module')
def rows(written):
    with open(written / 'digits.csv', newline='') as file:
        return list(csv.DictReader(file))


def test_table_lists_the_real_digits_and_a_stratified_split(rows):
    labels = load_digits().target
    assert [row['id'] for row in rows] == [f'{number:04d}' for number in range(1, 1798)]
    assert [int(row['label']) for row in rows] == labels.tolist()
    test = np.array([row['split'] == 'test' for row in rows])
    assert test.sum() == 360
    assert {row['split'] for row in rows} == {'train', 'test'}
    for digit in range(10):
        share = (labels == digit).sum() * 360 / 1797
        assert abs(test[labels == digit].sum() - share) < 1


def test_images_are_the_handwritten_ones_enlarged(written, rows):
    original = load_digits().images
    for number in (0, 700, 1796):
        image = cv2.imread(str(written / 'image' / f'{rows[number]["id"]}.png'), cv2.IMREAD_UNCHANGED)
        assert image.dtype == np.uint8
        assert image.shape == (32, 32)
        blocks = image.reshape(8, 4, 8, 4).mean((1, 3)) * 16 / 255
        assert np.corrcoef(blocks.ravel(), original[number].ravel())[0, 1] > 0.98
        assert abs(blocks.mean() - original[number].mean()) < 0.3


def test_sounds_are_half_a_second_of_16_khz_mono(written, rows):
    for row in rows[::600]:
        info = soundfile.info(written / 'audio' / f'{row["id"]}.wav')
        assert (info.samplerate, info.channels, info.frames, info.subtype) == (16000, 1, 8000, 'PCM_16')


def test_wav_holds_the_tune_of_its_number(written):
    samples, _ = soundfile.read(written / 'audio' / '0005.wav', dtype='int16')
    label = int(load_digits().target[4])
    assert np.array_equal(samples, np.rint(tune(label, np.random.default_rng([0, 5])) * 32767))


def test_no_two_digits_share_a_tune_and_all_use_three_of_four_pitches():
    assert len(set(TUNES)) == 10
    assert all(len(set(notes)) == 3 and set(notes) <= set(range(len(PITCHES))) for notes in TUNES)
    assert {note for notes in TUNES for note in notes} == {0, 1, 2, 3}


class Calm(np.random.Generator):
    """Draws the middle of each range, and a constant in place of noise."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))

    def uniform(self, low=0.0, high=1.0):
        return (low + high) / 2

    def integers(self, low, high, size=None):
        return np.full(size, 1600) if size else 1000

    def normal(self, size):
        return np.full(size, 1e-9)


@pytest.mark.parametrize('digit', [0, 7])
def test_tune_has_its_pitches_in_order(digit):
    sound = tune(digit, Calm())
    noise, clean = sound[0], sound - sound[0]
    for position, note in enumerate(TUNES[digit]):
        tone = clean[1000 + 1600 * position : 1000 + 1600 * (position + 1)]
        peak = np.argmax(np.abs(np.fft.rfft(tone * np.hanning(1600), 16000)))  # bins of 1 Hz
        assert abs(peak - PITCHES[note]) < 3
    assert not clean[5800:].any()
    assert 10 * np.log10(noise**2 / (clean**2).mean()) == pytest.approx(5)


def test_clips_of_one_digit_differ_and_stay_in_range():
    first, second = (tune(3, np.random.default_rng(seed)) for seed in (1, 2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.2
    for sound in (first, second):
        assert 0.2 <= np.abs(sound).max() <= 0.9


def test_seed_decides_split():
    labels = load_digits().target
    assert np.array_equal(draw_splits(labels, 1), draw_splits(labels, 1))
    assert (draw_splits(labels, 1) != draw_splits(labels, 2)).sum() > 300


def test_killed_run_is_continued_with_the_same_bytes(tmp_path, monkeypatch):
    some = load_digits()
    monkeypatch.setattr(digits, '_handwritten', lambda: (some.images[:50], some.target[:50]))
    monkeypatch.setattr(digits, 'TEST', 10)
    real, calls = digits._wav, []

    def counting(sound):
        calls.append(sound)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return real(sound)

    monkeypatch.setattr(digits, '_wav', counting)
    with pytest.raises(KeyboardInterrupt):
        write_digits(tmp_path / 'killed')
    assert not (tmp_path / 'killed').exists()
    assert write_digits(tmp_path / 'killed')['samples'] == {'train': 40, 'test': 10}
    assert len(calls) == 30 + 50 - 29
    write_digits(tmp_path / 'whole')
    sums = [(tmp_path / name / 'SHA256SUMS').read_bytes() for name in ('killed', 'whole')]
    assert sums[0] == sums[1]
    assert sums[0].count(b'\n') == 101


def test_finished_folder_is_left_and_another_seed_refused(written, monkeypatch):
    monkeypatch.setattr(digits, '_handwritten', None)
    assert write_digits(written)['dataset'] == 'digits'
    with pytest.raises(SourceError, match='was made with seed 0 and not 1; nothing is overwritten'):
        write_digits(written, seed=1)
