"""The folder on disk: NYU's layout, all or nothing, once."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from fdkd.datasets.rooms import render_room, write, write_rooms

SMALL = dict(frames=5, train=3, width=32, height=24)
IDS = ['0001', '0002', '0003', '0004', '0005']
CLASSES = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 18, 20, 22, 24, 29, 35}


@pytest.fixture
def rooms(tmp_path):
    write_rooms(tmp_path / 'rooms', **SMALL)
    return tmp_path / 'rooms'


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_layout(rooms):
    expected = {f'{folder}/{name}{end}' for folder, end in write._FOLDERS.items() for name in IDS}
    assert set(contents(rooms)) == expected | {'train.txt', 'test.txt', 'rooms.json'}
    assert (rooms / 'train.txt').read_text() == '0001\n0002\n0003\n'
    assert (rooms / 'test.txt').read_text() == '0004\n0005\n'
    assert not rooms.with_name('rooms.partial').exists()


def test_files_hold_what_was_rendered(tmp_path, monkeypatch):
    frames = []
    monkeypatch.setattr(write, 'render_room', lambda *args: frames.append(render_room(*args)) or frames[-1])
    write_rooms(tmp_path / 'rooms', **SMALL)
    for name, frame in zip(IDS, frames, strict=True):
        depth, label = (
            cv2.imread(str(tmp_path / f'rooms/{folder}/{name}.png'), cv2.IMREAD_UNCHANGED)
            for folder in ('depth', 'label40')
        )
        assert (depth.dtype, label.dtype) == (np.uint16, np.uint8)
        np.testing.assert_array_equal(depth, frame.depth)
        np.testing.assert_array_equal(label, frame.label)
        # PIL reads RGB: the right order of the channels is much closer than the wrong one.
        rgb = np.asarray(Image.open(tmp_path / f'rooms/rgb/{name}.jpg')).astype(float)
        error, swapped = (np.abs(rgb - other).mean() for other in (frame.rgb, frame.rgb[..., ::-1]))
        assert error < 10
        assert error < 0.6 * swapped


def test_frames_differ_from_each_other_and_between_seeds(rooms, tmp_path):
    write_rooms(tmp_path / 'other', **SMALL, seed=1)
    labels = [(folder / f'label40/{name}.png').read_bytes() for folder in (rooms, tmp_path / 'other') for name in IDS]
    assert len(set(labels)) == 10


def test_the_same_parameters_give_the_same_bytes(rooms, tmp_path):
    write_rooms(tmp_path / 'again', **SMALL)
    assert contents(rooms) == contents(tmp_path / 'again')


def test_a_second_call_does_nothing_and_says_so(rooms, monkeypatch, capsys):
    monkeypatch.setattr(write, 'render_room', None)
    before = {path: path.stat().st_mtime_ns for path in rooms.rglob('*')}
    write_rooms(str(rooms), **SMALL)
    assert {path: path.stat().st_mtime_ns for path in rooms.rglob('*')} == before
    assert capsys.readouterr().out == f'{rooms} already holds these 5 rooms\n'


@pytest.mark.parametrize('change', [{'seed': 1}, {'frames': 6}, {'train': 2}, {'width': 64}, {'height': 48}])
def test_other_rooms_are_kept(rooms, change):
    before = contents(rooms)
    with pytest.raises(FileExistsError, match=r'rooms exists and holds other rooms.*Remove it or write'):
        write_rooms(rooms, **{**SMALL, **change})
    assert contents(rooms) == before


def test_a_folder_of_something_else_is_kept(tmp_path):
    (tmp_path / 'notes.txt').write_text('mine')
    with pytest.raises(FileExistsError, match=r'no readable rooms\.json'):
        write_rooms(tmp_path, **SMALL)
    assert contents(tmp_path) == {'notes.txt': b'mine'}


@pytest.mark.parametrize('lost', ['depth/0002.png', 'rgb/0005.jpg', 'test.txt'])
def test_rooms_with_files_missing_are_no_rooms(rooms, lost):
    (rooms / lost).unlink()
    with pytest.raises(FileExistsError, match=f'lacks files in {lost.split("/")[0]}'):
        write_rooms(rooms, **SMALL)


def test_a_killed_run_leaves_nothing_and_the_next_one_starts_anew(tmp_path, monkeypatch):
    def killed(*args):
        if (tmp_path / 'rooms.partial/rgb/0002.jpg').exists():
            raise KeyboardInterrupt
        return render_room(*args)

    monkeypatch.setattr(write, 'render_room', killed)
    with pytest.raises(KeyboardInterrupt):
        write_rooms(tmp_path / 'rooms', **SMALL)
    assert not (tmp_path / 'rooms').exists()
    # Its leavings must not survive in the new folder either.
    (tmp_path / 'rooms.partial/rgb/9999.jpg').write_bytes(b'half')
    monkeypatch.undo()
    write_rooms(tmp_path / 'rooms', **SMALL)
    assert len(list((tmp_path / 'rooms/rgb').iterdir())) == 5
    assert [path.name for path in tmp_path.iterdir()] == ['rooms']


def test_somebody_elses_partial_folder_is_kept(tmp_path):
    (tmp_path / 'rooms.partial').mkdir()
    (tmp_path / 'rooms.partial/notes.txt').write_text('mine')
    with pytest.raises(FileExistsError, match=r'rooms\.partial'):
        write_rooms(tmp_path / 'rooms', **SMALL)
    assert contents(tmp_path) == {'rooms.partial/notes.txt': b'mine'}


@pytest.mark.parametrize('train', [0, 5, 6, -1])
def test_empty_splits_are_refused(tmp_path, train):
    with pytest.raises(ValueError, match='leave a split empty'):
        write_rooms(tmp_path / 'rooms', frames=5, train=train)
    assert not list(tmp_path.iterdir())


def test_every_class_is_in_both_splits_of_the_default_rooms(tmp_path):
    """In 3 % of the frames or more; at a third of the size, which shows the same rooms."""
    write_rooms(tmp_path / 'rooms', width=44, height=33)
    assert json.loads((tmp_path / 'rooms/rooms.json').read_text())['frames'] == 400
    for split, count in (('train', 300), ('test', 100)):
        ids = (tmp_path / f'rooms/{split}.txt').read_text().split()
        labels = [cv2.imread(str(tmp_path / f'rooms/label40/{name}.png'), cv2.IMREAD_UNCHANGED) for name in ids]
        present = np.array([np.bincount(label.ravel(), minlength=41) > 0 for label in labels])
        assert len(ids) == count
        assert set(np.flatnonzero(present.any(axis=0))) == CLASSES | {0}
        assert present[:, sorted(CLASSES)].mean(axis=0).min() > 0.1
