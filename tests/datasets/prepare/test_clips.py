"""Video clips as sound files and frames."""

import cv2
import numpy as np
import pytest
import soundfile

from fdkd.datasets.prepare.clips import Clip, convert_clips, looked_for, media_by_name
from fdkd.datasets.prepare.media import read_frames
from fdkd.datasets.prepare.tally import Row

NAMES = ('good', 'other', 'mute', 'silent', 'short', 'gone')
ROWS = [Row('test' if name == 'other' else 'train', 'x', name) for name in NAMES]


@pytest.fixture
def clips(tmp_path, write_clip, truncate):
    """Two clips that are fine, and one of each kind that is not."""
    folder = tmp_path / 'raw'
    write_clip(folder / 'good.mp4', 2.0)
    write_clip(folder / 'other.flv', video='flv1')
    write_clip(folder / 'mute.mp4', audio=None)
    write_clip(folder / 'silent.avi', audio='pcm_s16le', samples=np.zeros((44100, 2), np.int16))
    write_clip(folder / 'short.mp4')
    truncate(folder / 'short.mp4')
    return {path.stem: Clip(path, path) for path in folder.iterdir()}


def convert(clips, out, workers=1):
    files = {'train.csv': b'any', 'test.csv': b'thing'}
    return convert_clips('set', ROWS, clips, out, files=files, absent='none', fps=2, workers=workers)


def test_files_and_counts(clips, tmp_path):
    manifest = convert(clips, tmp_path / 'set')
    assert sorted(str(path.relative_to(tmp_path / 'set')) for path in (tmp_path / 'set').rglob('*.*')) == [
        *('audio/good.wav', 'audio/other.wav'),
        *(f'frames/good/{number:03d}.jpg' for number in range(4)),
        *('frames/other/000.jpg', 'frames/other/001.jpg', 'manifest.json', 'test.csv', 'train.csv'),
    ]
    assert manifest['splits'] == {
        'train': dict(listed=5, found=4, usable=1, missing=1, unreadable=2, silent=1),
        'test': dict(listed=1, found=1, usable=1, missing=0, unreadable=0, silent=0),
    }
    assert {name: reason.split(': ')[1].split(' (')[0] for name, reason in manifest['left_out'].items()} == {
        **{'mute': 'no audio stream', 'short': 'damaged or truncated', 'silent': 'silent'},
    }
    info = soundfile.info(tmp_path / 'set' / 'audio' / 'good.wav')
    assert (info.samplerate, info.channels, info.subtype) == (16000, 1, 'PCM_16')
    assert 32000 <= info.frames <= 32800
    frame = cv2.imread(str(tmp_path / 'set' / 'frames' / 'good' / '002.jpg'))
    assert frame.shape == (48, 64, 3)
    assert frame.mean() == pytest.approx(20 + 4 * 32, abs=2)  # 1.25 s lies at 31.25 frames


def test_16_bit_sound_at_16_khz_keeps_every_value(tmp_path, write_clip):
    samples = np.random.default_rng(0).integers(-32768, 32768, 16000).astype(np.int16)
    soundfile.write(tmp_path / 'a.wav', samples, 16000)
    write_clip(tmp_path / 'a.mp4', audio=None)
    clip = Clip(tmp_path / 'a.mp4', tmp_path / 'a.wav')
    convert_clips('set', [Row('train', 'x', 'a')], {'a': clip}, tmp_path / 'set', files={}, absent='')
    written, _ = soundfile.read(tmp_path / 'set' / 'audio' / 'a.wav', dtype='int16')
    assert np.array_equal(written, samples)


def test_several_processes_continue_what_one_began(clips, tmp_path, monkeypatch):
    alone = convert(clips, tmp_path / 'alone')

    def interrupted(path, *args):
        if path.stem == 'other':
            raise KeyboardInterrupt
        return read_frames(path, *args)

    monkeypatch.setattr('fdkd.datasets.prepare.clips.read_frames', interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert(clips, tmp_path / 'killed')
    assert (tmp_path / 'killed.partial' / 'frames' / 'good' / '000.jpg').is_file()
    assert not (tmp_path / 'killed').exists()
    several = convert(clips, tmp_path / 'killed', workers=2)
    assert several['files'] == alone['files']
    assert several['left_out'] == alone['left_out']


def test_media_are_found_in_subfolders_by_their_names(tmp_path):
    for name in ('b/one.MP4', 'a/one.mp4', 'a/one.flv', 'two.flv', 'three.txt', '-x_1.2.mp4'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = media_by_name(tmp_path, ('.mp4', '.flv'))
    assert {name: str(path.relative_to(tmp_path)) for name, path in found.items()} == {
        **{'one': 'a/one.mp4', 'two': 'two.flv', '-x_1.2': '-x_1.2.mp4'},
    }
    assert media_by_name(tmp_path / 'nowhere', ('.mp4',)) == {}


def test_sentence_for_no_clip_names_what_was_looked_for(tmp_path):
    told = looked_for(tmp_path, [*ROWS, *ROWS], ('.mp4', '.flv'), 'published at X')
    assert told == (
        f'{tmp_path}: none of the 6 listed clips is there, looked in it and its subfolders for good.mp4, other.mp4, '
        'mute.mp4, ... (or .flv); published at X'
    )
