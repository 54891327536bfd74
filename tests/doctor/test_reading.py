"""Every kind of damage in a small data set is found, with its file, and nothing else is."""

import shutil

import cv2
import numpy as np
import pytest
import soundfile
from PIL import Image

from fdkd.apis.check_data import examine
from fdkd.datasets.transforms import Tokenize
from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.registry import TRANSFORMS
from tests.doctor.conftest import CLIPS, ROOMS, ROWS, check, config, found, write_frame, write_rows, write_wave

SOUND = 'audio+noisy'


def truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


def spoil(path):
    array = np.load(path)
    array[0, 0] = np.nan
    np.save(path, array)


def one_colour(*paths):
    for path in paths:
        Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(path)


CLIP_DAMAGE = {
    'truncated sound': (
        lambda r: truncate(r / 'audio/b.wav'),
        ('error', 'train', 'b', SOUND, 'audio/b.wav', 'unreadable'),
    ),
    'another rate': (
        lambda r: write_wave(r / 'audio/b.wav', 9, rate=16000),
        ('error', 'train', 'b', SOUND, 'audio/b.wav', 'sample rate'),
    ),
    'stereo': (
        lambda r: write_wave(r / 'audio/e.wav', 9, channels=2),
        ('error', 'test', 'e', SOUND, 'audio/e.wav', 'channels'),
    ),
    'silence': (
        lambda r: write_wave(r / 'audio/b.wav', 9, scale=0),
        ('error', 'train', 'b', SOUND, 'audio/b.wav', 'constant'),
    ),
    'a constant voltage': (
        lambda r: soundfile.write(r / 'audio/b.wav', np.full(800, 0.5), 8000),
        ('warning', 'train', 'b', SOUND, 'audio/b.wav', 'constant'),
    ),
    'a short clip': (
        lambda r: write_wave(r / 'audio/b.wav', 9, seconds=0.05),
        ('warning', 'train', 'b', SOUND, 'audio/b.wav', 'short'),
    ),
    'a long clip': (
        lambda r: write_wave(r / 'audio/b.wav', 9, seconds=0.2),
        ('warning', 'train', 'b', SOUND, 'audio/b.wav', 'cut'),
    ),
    'beyond full scale': (
        lambda r: write_wave(r / 'audio/b.wav', 9, scale=2),
        ('warning', 'train', 'b', SOUND, 'audio/b.wav', 'range'),
    ),
    'clipping': (
        lambda r: soundfile.write(r / 'audio/b.wav', np.sin(np.arange(800)) * 3, 8000, subtype='PCM_16'),
        ('warning', 'train', 'b', SOUND, 'audio/b.wav', 'clipped'),
    ),
    'NaN in sound': (
        lambda r: soundfile.write(r / 'audio/b.wav', np.full(800, np.nan), 8000, subtype='FLOAT'),
        ('error', 'train', 'b', SOUND, 'audio/b.wav', 'not finite'),
    ),
    'no frames': (
        lambda r: [path.unlink() for path in (r / 'frames/c').iterdir()],
        ('error', 'train', 'c', 'visual', 'frames/c', 'no frames'),
    ),
    'one damaged frame': (
        lambda r: truncate(r / 'frames/c/2.png'),
        ('error', 'train', 'c', 'visual', 'frames/c', 'unreadable'),
    ),
    'a frame of another size': (
        lambda r: write_frame(r / 'frames/c/2.png', 9, (4, 4)),
        ('error', 'train', 'c', 'visual', 'frames/c', 'size'),
    ),
    'black frames': (
        lambda r: one_colour(*(r / 'frames/c').iterdir()),
        ('warning', 'train', 'c', 'visual', 'frames/c', 'constant'),
    ),
    'one black frame': (
        lambda r: one_colour(r / 'frames/c/1.png'),
        ('warning', 'train', 'c', 'visual', 'frames/c', 'constant frames'),
    ),
    'NaN in an array': (
        lambda r: spoil(r / 'imu/f.npy'),
        ('error', 'test', 'f', 'imu', 'imu/f.npy', 'not finite'),
    ),
    'a constant array': (
        lambda r: np.save(r / 'imu/f.npy', np.full((3, 10), 4.0)),
        ('warning', 'test', 'f', 'imu', 'imu/f.npy', 'constant'),
    ),
    'an array of another shape': (
        lambda r: np.save(r / 'imu/b.npy', np.arange(12.0).reshape(3, 4)),
        ('warning', 'train', 'b', 'imu', 'imu/b.npy', 'shape'),
    ),
    'no array': (
        lambda r: (r / 'imu/b.npy').write_text('none'),
        ('error', 'train', 'b', 'imu', 'imu/b.npy', 'unreadable'),
    ),
    'no file': (lambda r: (r / 'imu/b.npy').unlink(), ('error', 'train', 'b', 'imu', '', 'missing')),
    'a copy within a split': (
        lambda r: shutil.copy(r / 'imu/a.npy', r / 'imu/c.npy'),
        ('warning', 'train', 'c', 'imu', 'imu/c.npy', 'duplicate'),
    ),
    'a copy in another split': (
        lambda r: shutil.copy(r / 'audio/a.wav', r / 'audio/e.wav'),
        ('error', 'test', 'e', SOUND, 'audio/e.wav', 'leak'),
    ),
    'frames that are those of another clip': (
        lambda r: shutil.copytree(r / 'frames/a', r / 'frames/e', dirs_exist_ok=True),
        ('error', 'test', 'e', 'visual', 'frames/e', 'leak'),
    ),
    'a class without a test sample': (
        lambda r: write_rows(r, [*ROWS[:5], ('f', 'cat', 'test')]),
        ('warning', 'test', '', 'label', '', 'class'),
    ),
}
ROOM_DAMAGE = {
    'truncated': (
        lambda r: truncate(r / 'rgb/0002.jpg'),
        ('error', 'train', '0002', 'rgb', 'rgb/0002.jpg', 'unreadable'),
    ),
    'a picture as depth': (
        lambda r: shutil.copy(r / 'rgb/0002.jpg', r / 'depth/0006.png'),
        ('error', 'test', '0006', 'depth', 'depth/0006.png', 'unreadable'),
    ),
    'another size': (
        lambda r: cv2.imwrite(str(r / 'depth/0005.png'), np.arange(12, dtype=np.uint16).reshape(3, 4) + 800),
        ('error', 'test', '0005', 'depth', 'depth/0005.png', 'size'),
    ),
    'no class': (
        lambda r: cv2.imwrite(str(r / 'label40/0001.png'), np.full((24, 32), 41, np.uint8)),
        ('error', 'train', '0001', 'label', 'label40/0001.png', 'label'),
    ),
    'void': (
        lambda r: cv2.imwrite(str(r / 'label40/0001.png'), np.zeros((24, 32), np.uint8)),
        ('warning', 'train', '0001', 'label', 'label40/0001.png', 'void'),
    ),
    'holes': (
        lambda r: cv2.imwrite(str(r / 'depth/0001.png'), np.zeros((24, 32), np.uint16)),
        ('warning', 'train', '0001', 'depth', 'depth/0001.png', 'constant'),
    ),
    'far': (
        lambda r: cv2.imwrite(str(r / 'depth/0001.png'), np.arange(768, dtype=np.uint16).reshape(24, 32) + 9500),
        ('warning', 'train', '0001', 'depth', 'depth/0001.png', 'range'),
    ),
    'grey': (
        lambda r: Image.fromarray(np.full((24, 32, 3), 7, np.uint8)).save(r / 'rgb/0001.jpg'),
        ('warning', 'train', '0001', 'rgb', 'rgb/0001.jpg', 'constant'),
    ),
    'no label': (lambda r: (r / 'label40/0001.png').unlink(), ('error', 'train', '0001', 'label', '', 'missing')),
    'a leak': (
        lambda r: shutil.copy(r / 'rgb/0001.jpg', r / 'rgb/0007.jpg'),
        ('error', 'test', '0007', 'rgb', 'rgb/0007.jpg', 'leak'),
    ),
    'the label map of another split': (
        lambda r: shutil.copy(r / 'label40/0001.png', r / 'label40/0007.png'),
        ('warning', 'test', '0007', 'label', 'label40/0007.png', 'leak'),
    ),
}


def test_a_set_without_a_fault_has_no_findings_however_many_processes_read_it(clips):
    alone, shared = check(clips, CLIPS), check(clips, CLIPS, workers=2)
    assert alone.findings == []
    assert alone.verdict == 'clean'
    assert [tally.summary() for tally in alone.tallies] == [tally.summary() for tally in shared.tallies]
    assert alone.tallies[0].summary()['present'] == dict.fromkeys(('audio', 'noisy', 'visual', 'imu', 'label'), 4)
    assert alone.tallies[0].files == 12


@pytest.mark.parametrize(('damage', 'expected'), CLIP_DAMAGE.values(), ids=CLIP_DAMAGE)
def test_clips(clips, damage, expected):
    damage(clips)
    assert found(check(clips, CLIPS)) == {expected}


@pytest.mark.parametrize(('damage', 'expected'), ROOM_DAMAGE.values(), ids=ROOM_DAMAGE)
def test_rooms(nyu_copy, damage, expected):
    damage(nyu_copy)
    others = found(check(nyu_copy, ROOMS)) - {expected}
    assert {what for *_, what in others} <= {'class'}  # seven small maps need not show 40 classes
    assert expected in found(check(nyu_copy, ROOMS))


def test_what_is_said_of_a_damaged_frame_names_it(clips):
    truncate(clips / 'frames/c/2.png')
    [finding] = check(clips, CLIPS).findings
    assert str(clips / 'frames/c/2.png') in finding.value


def test_a_step_that_refuses_a_sample_is_named(clips):
    spectrogram = {'type': 'Spectrogram', 'modality': 'audio', 'rate': 8000, 'window': 900, 'overlap': 0}
    report = check(clips, CLIPS, pipeline=[*CLIPS['pipeline'][:1], spectrogram], modalities=['audio'])
    errors = [one for one in report.findings if one.severity == 'error']
    assert {one.what for one in errors} == {'unusable'}
    assert [one.sample_id for one in errors] == list('abcdef')
    assert errors[0].value.startswith('Spectrogram: ')


@TRANSFORMS.register_module(name='Drop')
class Drop(ModalityTransform):
    """Drops every sample."""

    def transform(self, results):
        return None

    def apply(self, value, sample_id): ...


@TRANSFORMS.register_module(name='AsList')
class AsList(ModalityTransform):
    """Makes lists of arrays, which packing takes as well."""

    def apply(self, value, sample_id):
        return value.tolist()


def pipeline_of(step):
    load, pack = {'type': 'LoadArray', 'modality': 'imu'}, {'type': 'PackClassification'}
    return {'pipeline': [load, {'type': step, 'modality': 'imu'}, pack], 'modalities': ['imu']}


def test_a_step_that_drops_a_sample_is_named(clips):
    findings = check(clips, CLIPS, **pipeline_of('Drop')).findings
    assert [one.value for one in findings if one.what == 'unusable'] == 6 * ['Drop: drops the sample']


def test_what_a_step_leaves_need_be_no_array(clips):
    np.save(clips / 'imu' / 'b.npy', np.random.default_rng(9).normal(size=(3, 11)))
    cfg = config(clips, CLIPS, **pipeline_of('AsList'))
    cfg.train_dataloader.batch_size, cfg.model.data_preprocessor.type = 4, 'MultimodalPreprocessor'
    findings = examine(cfg, 'config.py', str(clips), 0).findings
    [odd] = [one for one in findings if one.what == 'shape']
    assert (odd.severity, odd.sample_id) == ('error', 'b')
    assert odd.value.startswith('(1, 3, 11), 3 others have (1, 3, 10)')


@TRANSFORMS.register_module(name='TinyWords')
class TinyWords(Tokenize):
    """Numbers words without a vocabulary."""

    def __init__(self, modality):
        self.modality, self.max_length = modality, 4

    def apply(self, value, sample_id):
        return np.arange(min(len(value.split()) + 2, self.max_length))


def test_texts_have_no_file_and_may_be_copies(clips):
    rows = [('a', 'cat', 'train', 'x'), ('b', 'dog', 'train', 'x'), ('c', 'cat', 'train', ' ')]
    rows += [('d', 'dog', 'train', 'y z w'), ('e', 'cat', 'test', 'x'), ('f', 'dog', 'test', ' ')]
    (clips / 'clips.csv').write_text('id,label,split,words\n' + '\n'.join(map(','.join, rows)) + '\n')
    pipeline = [{'type': 'TinyWords', 'modality': 'text'}]
    report = check(clips, CLIPS, sources={'text': {'text': '{words}'}}, pipeline=pipeline)
    assert found(report) == {
        ('warning', 'train', 'b', 'text', '', 'duplicate'),
        ('warning', 'train', 'c', 'text', '', 'empty'),
        ('warning', 'train', 'd', 'text', '', 'cut'),
        ('error', 'test', 'e', 'text', '', 'leak'),
        ('warning', 'test', 'f', 'text', '', 'empty'),
    }
