"""Data that are not what their table promises are refused by file, by the training and by the data doctor alike."""

import shutil

import cv2
import numpy as np
import pytest
import soundfile

from tests.robustness.bad.breaking import command, done, written
from tests.robustness.bad.place import new_place  # noqa: F401
from tests.robustness.bad.tools import Bad, refuses, run_tool
from tests.support.repository import REPOSITORY

TABLE = 'data/motions/clips.csv'
SCORE, TRAIN, CHECK = ('test', '{imu}', '{teacher}'), ('train', '{imu}'), ('check_data', '{pair}', '--workers', '0')
NYU = ('--data-root', 'data/nyu', '--size', '32x24', '--workers', '0')
CHECK_NYU = ('check_data', 'configs/unimodal/nyu_rgb.py', *NYU[:2], *NYU[4:])


def table(old, new, count=1, words=SCORE):
    return written(TABLE, lambda data: data.replace(old, new, count), *words)


def array(value, words=TRAIN):
    return done(lambda place: np.save(place.data / 'imu' / 'c03.npy', value, allow_pickle=True), *words)


def arrays(shape, words=TRAIN):
    def change(place):
        for path in (place.data / 'imu').iterdir():
            np.save(path, np.random.default_rng(0).normal(size=shape).astype(np.float32))

    return done(change, *words)


def picture(value, words=('test', '{pair}', '{student}')):
    return done(lambda place: cv2.imwrite(str(place.data / 'image' / 'c13.png'), value), *words)


def folder(name, words):
    def change(place):
        path = place.root / name
        path.unlink()
        path.mkdir()

    return done(change, *words)


HEAR = ('check_data', '{audio}', '--workers', '0')


def sound(samples, rate=16000, words=HEAR):
    return done(lambda place: soundfile.write(place.data / 'audio' / 'c03.wav', samples, rate, 'FLOAT'), *words)


TABLES = [
    Bad('no folder', command(*SCORE, '--data-root', 'data/none'),
        ['data/none: no such folder', '--data-root']),
    Bad('a file as the folder', command(*SCORE, '--data-root', TABLE), ['clips.csv: no such folder']),
    Bad('an empty path', command(*SCORE, '--data-root', ''), ['no such folder', '--data-root']),
    Bad('no table', done(lambda place: (place.root / TABLE).unlink(), *SCORE), ['clips.csv: no such file']),
    Bad('a folder as the table', folder(TABLE, SCORE), ['clips.csv: cannot be read', 'Is a directory']),
    Bad('an empty table', written(TABLE, '', *SCORE),
        ['clips.csv: empty, expected a row with the names of the columns']),
    Bad('a header alone', written(TABLE, 'id,label,split\n', *TRAIN), ['clips.csv, split train', 'the split is empty']),
    Bad('a column misspelt', table(b'label', b'labl'), ["label='{label}' names label, but the columns are id, labl"]),
    Bad('no column of splits', table(b'split', b'part'),
        ["split_column='split' is none of the columns id, label, part"]),
    Bad('a column twice', table(b'label', b'split'), ["the header row names 'split' more than once"]),
    Bad('a value too many', table(b'c03,sit', b'c03,sit,x'), ['line 5: 4 values, expected 3 (id, label, split)']),
    Bad('a quote that is not closed', table(b'c03', b'"c03'), ['line 5: no row of a table']),
    Bad('semicolons', table(b',', b';', -1), ['none of the columns id;label;split']),
    Bad('UTF-16', written(TABLE, lambda data: data.decode().encode('utf-16'), *SCORE), ['UTF-16, expected UTF-8']),
    Bad('an id twice', table(b'c03', b'c04'), ['1 ids stand more than once in a split: c04']),
    Bad('an id in two splits', table(b'c03', b'c13'), ['(train and test), which is a leak: c13']),
    Bad('an empty id', table(b'c03', b''), ['1 rows have an empty id']),
    Bad('an unknown label', table(b'walk', b'wlak'), ["label 'wlak' is none of the 3 classes; did you mean 'walk'?"]),
    Bad('no test', table(b'test', b'train', -1, ('test', '{pair}', '{student}')), ['split test', 'the split is empty']),
    Bad('a class that training never shows', table(b',sit,train', b',run,train', -1, TRAIN),
        ['shows 1 of 3 classes: sit']),
    Bad('a file that is absent', done(lambda place: (place.data / 'imu' / 'c03.npy').unlink(), *TRAIN),
        ['1 files do not exist', 'imu/c03.npy']),
    Bad('all files absent', done(lambda place: shutil.rmtree(place.data / 'imu'), *CHECK), ['no sample has imu']),
    Bad('a link to nowhere', done(lambda place: [path := place.data / 'imu' / 'c03.npy', path.unlink(),
        path.symlink_to('nowhere')], *TRAIN), ['1 files do not exist', 'imu/c03.npy']),
    Bad('an id with its folder', table(b'c03', b'../image/c03', 1, TRAIN), ['files do not exist', 'image/c03.npy']),
]  # fmt: skip
ARRAYS = [
    Bad('a cut array', written('data/motions/imu/c03.npy', lambda data: data[:200], *TRAIN),
        ['imu/c03.npy: not a readable']),
    Bad('an empty array', written('data/motions/imu/c03.npy', b'', *TRAIN), ['imu/c03.npy: not a readable .npy file']),
    Bad('a folder as an array', folder('data/motions/imu/c03.npy', CHECK), ['c03.npy', 'unreadable', 'Is a directory']),
    Bad('objects', array(np.array([{'a': 1}], object), CHECK), ['unreadable', 'Object arrays cannot be loaded']),
    Bad('words', array(np.array(['a'])), ['imu/c03.npy: <U1, expected one array of real numbers']),
    Bad('complex numbers', array(np.ones((6, 20), np.complex64), CHECK), ['complex64, expected one array of real']),
    Bad('NaN', array(np.full((6, 20), np.nan, np.float32)), ['imu/c03.npy: 120 of 120 values are not finite']),
    Bad('more than float32 holds', array(np.full((6, 20), 1e300), CHECK),
        ['120 of 120 values are not finite in float32']),
    Bad('one number', array(np.float32(3), CHECK), ['the shape is (), expected one value or more along a dimension']),
    Bad('no number', array(np.zeros((0, 20), np.float32)), ['imu/c03.npy: the shape is (0, 20), expected one value']),
    Bad('one longer array', array(np.ones((6, 21), np.float32)), ['c03 has (1, 6, 21), the other', ' have (1, 6, 20)']),
    Bad('other channels throughout', arrays((3, 6, 20)), ['imu: the data give [3, 6, 20]', 'set in_channels=3']),
    Bad('other dimensions throughout', arrays((20,)), ['imu: the data give vectors [20]', "type='VectorMLP'"]),
]  # fmt: skip
PICTURES = [
    Bad('a cut picture', written('data/motions/image/c13.png', lambda data: data[:200], 'test', '{pair}', '{student}'),
        ['image/c13.png: unreadable or truncated image']),
    Bad('an empty picture', written('data/motions/image/c03.png', b'', *CHECK), ['image/c03.png', 'unreadable']),
    Bad('a web page as a picture', written('data/motions/image/c03.png', '<html>404</html>', *CHECK), ['unreadable']),
    Bad('a folder as a picture', folder('data/motions/image/c03.png', CHECK), ['no frames in it, expected images']),
    Bad('16 bits', picture(np.full((16, 16), 3000, np.uint16)), ['image/c13.png: 16 bits, expected 8-bit RGB or grey']),
    Bad('an alpha channel', picture(np.full((16, 16, 4), 9, np.uint8)),
        ['image/c13.png: mode RGBA, expected 8-bit RGB']),
]  # fmt: skip
SOUNDS = [
    Bad('no sound', sound(np.zeros(0)), ['audio/c03.wav', 'no samples in it']),
    Bad('silence', sound(np.zeros(1600)), ['audio/c03.wav', 'silent']),
    Bad('a sound of NaN', sound(np.full(1600, np.nan)), ['audio/c03.wav', 'not all samples are finite']),
    Bad('another rate', sound(np.ones(1600) / 2, 8000), ['audio/c03.wav', '8000 Hz, expected 16000 Hz']),
    Bad('stereo', sound(np.ones((1600, 2)) / 2), ['audio/c03.wav', '2 channels, expected mono']),
    Bad('a cut sound', written('data/motions/audio/c03.wav', lambda data: data[:1000], *HEAR),
        ['audio/c03.wav', 'truncated']),
    Bad('a text as a sound', written('data/motions/audio/c03.wav', 'RIFF', *HEAR), ['unreadable']),
    Bad('a clip below the window', done(
        lambda place: place.audio.write_text(place.audio.read_text().replace('seconds=0.1', 'seconds=0.01')),
        'train', '{audio}'), ['a clip of 160 samples is shorter than the window of 512', 'seconds=']),
]  # fmt: skip


def frame(name, value, words=CHECK_NYU):
    return done(lambda place: cv2.imwrite(str(place.nyu / name), value), *words)


def void(place):
    for path in (place.nyu / 'label40').iterdir():
        cv2.imwrite(str(path), np.zeros((24, 32), np.uint8))


FRAMES = [
    Bad('maps of another size', frame('depth/0002.png', np.full((24, 30), 900, np.uint16)),
        ['0002', 'depth', '30x24 pixels, rgb has 32x24']),
    Bad('depth of 8 bits', frame('depth/0002.png', np.full((24, 32), 9, np.uint8)), ['0002', 'expected 16-bit depth']),
    Bad('a label out of range', frame('label40/0002.png', np.full((24, 32), 41, np.uint8)),
        ['0002', 'label 41, expected 0 (void) to 40']),
    Bad('labels in colour', frame('label40/0002.png', np.full((24, 32, 3), 4, np.uint8)),
        ['expected an 8-bit label map']),
    Bad('labels that are void throughout', done(void, 'train', 'configs/unimodal/nyu_rgb.py', *NYU, '--pretrained',
        'none', '--batch-size', '2'), ['every pixel of the batch is void', 'check their label maps']),
    Bad('a cut jpg', written('data/nyu/rgb/0002.jpg', lambda data: data[: len(data) // 2], *CHECK_NYU),
        ['0002', 'unreadable or truncated image']),
    Bad('an empty split', written('data/nyu/train.txt', '', *CHECK_NYU), ['train.txt: the split is empty']),
    Bad('bytes as a split', written('data/nyu/train.txt', b'\xff\xfe\x00', *CHECK_NYU), ['train.txt: not a text file']),
    Bad('a frame twice', written('data/nyu/train.txt', '0001\n0001\n', *CHECK_NYU), ['the first is 0001']),
    Bad('a frame that is absent', written('data/nyu/train.txt', '0001\n0099\n', *CHECK_NYU),
        ['0099', 'listed, but its file is not there']),
]  # fmt: skip
ROWS = [*TABLES, *ARRAYS, *PICTURES, *SOUNDS]


@pytest.mark.parametrize('bad', ROWS, ids=lambda bad: bad.name)
def test_it_is_refused(bad, place, capsys):
    refuses(bad, place, capsys)


@pytest.mark.parametrize('bad', FRAMES, ids=lambda bad: bad.name)
def test_a_frame_is_refused(bad, place, nyu_root, capsys):
    shutil.copytree(nyu_root, place.nyu)
    (place.root / 'configs' / 'unimodal').symlink_to(REPOSITORY / 'configs' / 'unimodal')
    (place.root / 'configs' / '_base_').symlink_to(REPOSITORY / 'configs' / '_base_')
    refuses(bad, place, capsys)


def test_what_looks_odd_and_is_not_is_read(place, capsys):
    """A byte-order mark, line ends of Windows, and a name that is not ASCII."""
    path = place.root / TABLE
    text = path.read_text().replace('c13', 'Grüße 13').replace('\n', '\r\n')
    path.write_bytes('\ufeff'.encode() + text.encode())
    for folder_name, suffix in (('image', 'png'), ('imu', 'npy'), ('audio', 'wav')):
        (place.data / folder_name / f'c13.{suffix}').rename(place.data / folder_name / f'Grüße 13.{suffix}')
    assert run_tool([*CHECK[:1], place.pair, *CHECK[2:]]) == 0
    assert 'clean: 0 errors' in capsys.readouterr().out
