"""Locks between processes."""

import errno
import fcntl

import pytest

from fdkd.locks import try_lock


def test_one_holds_it_until_it_lets_go(tmp_path):
    path = tmp_path / 'new/.lock'
    held = try_lock(path)
    assert held is not None
    assert try_lock(path) is None
    held.close()
    try_lock(path).close()


def test_a_file_system_without_locks_keeps_nobody_out(tmp_path, monkeypatch):
    def fails(number):
        def flock(*_):
            raise OSError(number, 'no')

        monkeypatch.setattr(fcntl, 'flock', flock)

    fails(errno.EOPNOTSUPP)
    try_lock(tmp_path / 'a').close()
    fails(errno.EIO)
    with pytest.raises(OSError, match='no'):
        try_lock(tmp_path / 'a')
