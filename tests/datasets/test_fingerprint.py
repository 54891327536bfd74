import os
from pathlib import Path

import pytest

from fdkd.datasets import fingerprint
from fdkd.datasets.transforms import LoadFeatures
from fdkd.errors import DataError


def data_hash(root, *read):
    fingerprint.walk.cache_clear()
    return fingerprint.data_hash(root, *read)


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / 'here' / 'digits'
    (folder / 'audio').mkdir(parents=True)
    (folder / 'digits.csv').write_text('id,label\na,1\n')
    (folder / 'audio' / 'a.wav').write_bytes(b'1234')
    return folder


def test_a_moved_data_set_is_the_same(root, tmp_path):
    before = data_hash(root)
    assert len(before) == 12
    assert data_hash(root.rename(tmp_path / 'there')) == before


@pytest.mark.parametrize(
    ('name', 'content'),
    [('digits.csv', 'id,label\na,2\n'), ('audio/a.wav', '12345'), ('audio/b.wav', '1234'), ('test.txt', '')],
)
def test_other_labels_sizes_or_files_are_other_data(root, name, content):
    before = data_hash(root)
    (root / name).write_text(content)
    assert data_hash(root) != before


def test_the_place_of_a_file_counts(root):
    before = data_hash(root)
    (root / 'audio' / 'a.wav').rename(root / 'a.wav')
    assert data_hash(root) != before


def test_hidden_files_count_for_nothing(root):
    before = data_hash(root)
    (root / '.cache').mkdir()
    (root / '.cache' / 'x').write_text('x')
    (root / '.lock').write_text('x')
    assert data_hash(root) == before


def test_a_linked_folder_is_followed(root, tmp_path):
    linked = tmp_path / 'linked'
    linked.mkdir()
    (linked / 'audio').symlink_to(root / 'audio')
    (linked / 'digits.csv').symlink_to(root / 'digits.csv')
    assert data_hash(linked) == data_hash(root)


def test_a_link_that_leads_nowhere_is_a_file_like_others(root):
    before = data_hash(root)
    (root / 'audio' / 'b.wav').symlink_to(root / 'nowhere.wav')
    (root / 'test.csv').symlink_to(root / 'nowhere.csv')
    assert data_hash(root) not in (None, before)


def test_no_folder_no_hash(tmp_path):
    assert data_hash(tmp_path / 'nowhere') is None


def test_a_folder_is_walked_once(root):
    before = data_hash(root)
    (root / 'test.txt').write_text('')
    assert fingerprint.data_hash(root) == before
    assert data_hash(root) != before


def test_links_that_lead_back_are_not_followed(root):
    """Two of them would be followed in every order, 2^40 folders deep."""
    (root / 'audio' / 'back').symlink_to(root)
    (root / 'more').symlink_to(root / 'audio')
    before = data_hash(root)
    (root / 'audio' / 'again').symlink_to(root / 'audio')
    (root / 'loop').symlink_to('loop')
    assert len(data_hash(root)) == 12
    (root / 'loop').unlink()
    assert data_hash(root) == before
    assert sum(path.name == 'a.wav' for path in fingerprint.files_below(root)) == 2  # itself, and below more


def test_names_that_are_no_text_count(root):
    before = data_hash(root)
    (root / os.fsdecode(b'\xff.wav')).write_text('12')
    assert data_hash(root) not in (None, before)


def test_a_pipe_is_not_waited_for(root):
    os.mkfifo(root / 'pipe.txt')
    assert len(data_hash(root)) == 12


def test_a_table_that_may_not_be_read_is_named(root, monkeypatch):
    def refuse(path):
        raise PermissionError(13, 'Permission denied', str(path))

    monkeypatch.setattr(Path, 'read_bytes', refuse)
    with pytest.raises(DataError, match=r'digits.csv: cannot be read \(Permission denied\)'):
        data_hash(root)


def test_stored_features_count_by_what_is_in_them(root):
    path, kinds = root / 'a.npy', ('.npy', '.npz')
    path.write_bytes(b'x' * 2**21)
    named, whole = data_hash(root), data_hash(root, kinds)
    path.write_bytes(b'x' * (2**21 - 1) + b'y')
    assert data_hash(root) == named
    assert data_hash(root, kinds) != whole
    before = data_hash(root, kinds)
    (root / 'audio' / 'a.wav').write_bytes(b'4321')
    assert data_hash(root, kinds) == before


@pytest.mark.parametrize('kind', ['LoadFeatures', 'fdkd.LoadFeatures', LoadFeatures])
def test_a_pipeline_tells_what_is_read(kind):
    step = {'type': kind, 'modality': 'a', 'taps': {'feat': (3,)}}
    for pipeline in ([step], [{'type': 'LoadArray'}, {'type': 'Cached', 'transforms': [step]}]):
        assert fingerprint.kinds_to_read(pipeline) == ('.npy', '.npz')
    for pipeline in ([{'type': 'LoadArray', 'modality': 'LoadFeatures'}], [], None, 3, 'LoadFeatures'):
        assert fingerprint.kinds_to_read(pipeline) == ()
