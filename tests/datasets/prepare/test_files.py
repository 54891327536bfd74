"""Hashes, files written in one step, and problems collected."""

import hashlib
import os

import pytest

from fdkd.datasets.prepare.files import SourceError, all_or_problems, sha256, write_bytes


def test_sha256_of_a_file_of_several_blocks(tmp_path):
    data = os.urandom((2 << 20) + 17)
    (tmp_path / 'file').write_bytes(data)
    assert sha256(tmp_path / 'file') == hashlib.sha256(data).hexdigest()


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'file'
    write_bytes(path, b'old')
    monkeypatch.setattr('os.replace', lambda *_: (_ for _ in ()).throw(OSError('killed')))
    with pytest.raises(OSError, match='killed'):
        write_bytes(path, b'new')
    assert path.read_bytes() == b'old'


def test_all_readers_are_called_and_all_problems_listed():
    def fail(*problems):
        raise SourceError(*problems)

    with pytest.raises(SourceError) as caught:
        all_or_problems(lambda: fail('one'), lambda: 'fine', lambda: fail('two', 'three'))
    assert caught.value.problems == ('one', 'two', 'three')
    assert str(caught.value) == 'one\ntwo\nthree'
    assert all_or_problems(lambda: 1, lambda: 2) == [1, 2]
