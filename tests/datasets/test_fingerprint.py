import pytest

from fdkd.datasets import fingerprint


def data_hash(root):
    fingerprint.walk.cache_clear()
    return fingerprint.data_hash(root)


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
