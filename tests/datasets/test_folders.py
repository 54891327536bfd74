"""Existence of many files, compared with asking for each."""

import os

import pytest

from fdkd.datasets.folders import Folders
from fdkd.errors import DataError


@pytest.fixture
def root(tmp_path):
    (tmp_path / 'audio').mkdir()
    (tmp_path / 'audio' / 'a.wav').touch()
    (tmp_path / 'frames' / 'a').mkdir(parents=True)
    (tmp_path / 'audio' / 'link.wav').symlink_to(tmp_path / 'audio' / 'a.wav')
    (tmp_path / 'audio' / 'dead.wav').symlink_to(tmp_path / 'gone.wav')
    return tmp_path


@pytest.mark.parametrize(
    'path', ['audio/a.wav', 'audio/b.wav', 'audio/link.wav', 'audio/dead.wav', 'frames/a', 'nowhere/a', 'audio/a.wav/x']
)
def test_equals_asking_the_file_system(root, path):
    assert Folders().have(str(root / path)) == os.path.exists(root / path)


def test_each_folder_is_read_once(root, monkeypatch):
    looked, scandir = [], os.scandir
    monkeypatch.setattr(os, 'scandir', lambda folder: looked.append(folder) or scandir(folder))
    folders = Folders()
    for number in range(20):
        folders.have(str(root / 'audio' / f'{number}.wav'))
        folders.have(str(root / 'nowhere' / f'{number}.wav'))
    assert sorted(looked) == [str(root / 'audio'), str(root / 'nowhere')]


def test_an_unreadable_folder_is_named(monkeypatch):
    def refuse(folder):
        raise PermissionError(13, 'Permission denied', folder)

    monkeypatch.setattr(os, 'scandir', refuse)
    with pytest.raises(DataError, match=r'/secret: cannot be read \(Permission denied\)'):
        Folders().have('/secret/a.wav')


@pytest.mark.parametrize('path', ['a\0/b', 'audio/a.wav\0', 'x' * 300, 'x' * 300 + '/a', 'audio/round.wav', 'circle/a'])
def test_what_cannot_exist_is_not_there_and_hides_nothing(root, path):
    """A zero byte, a name that is too long, links in a circle."""
    (root / 'audio' / 'round.wav').symlink_to('round.wav')
    (root / 'circle').symlink_to('circle')
    folders = Folders()
    assert not folders.have(str(root / path))
    assert folders.have(str(root / 'audio' / 'a.wav'))
