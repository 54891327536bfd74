"""Finding the official lists."""

import gzip

import pytest

from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.prepare.split_files import content, split_files


def test_folder_pattern_and_packed_files(tmp_path):
    (tmp_path / 'train.csv').write_bytes(b'a,b\r\n')
    (tmp_path / 'test.csv.gz').write_bytes(gzip.compress(b'c,d\n'))
    (tmp_path / 'my_train.csv').write_bytes(b'mine')
    paths = split_files(tmp_path, '{split}.csv', ('train', 'test'), 'published')
    assert [path.name for path in paths.values()] == ['train.csv', 'test.csv.gz']
    assert [content(path) for path in paths.values()] == [b'a,b\r\n', b'c,d\n']
    assert split_files(tmp_path / 'my_{split}.csv', '{split}.csv', ('train',), '')['train'].read_bytes() == b'mine'


def test_all_that_are_missing_are_named_with_where_to_get_them(tmp_path):
    (tmp_path / 'test.csv').touch()
    with pytest.raises(SourceError) as caught:
        split_files(tmp_path, '{split}.csv', ('train', 'test', 'val'), 'published at X')
    assert caught.value.problems == tuple(
        f'{tmp_path}/{name}.csv: missing; published at X' for name in ('train', 'val')
    )


def test_single_file_is_refused(tmp_path):
    (tmp_path / 'all.csv').touch()
    with pytest.raises(SourceError, match=r'all\.csv: is one file, expected a folder, or a path with \{split\}'):
        split_files(tmp_path / 'all.csv', '{split}.csv', ('train',), '')


def test_damaged_packed_file(tmp_path):
    (tmp_path / 'a.csv.gz').write_bytes(gzip.compress(b'text' * 100)[:-12])
    with pytest.raises(SourceError, match=r'a\.csv\.gz: damaged'):
        content(tmp_path / 'a.csv.gz')
