"""Files that appear whole or not at all."""

import json
import math
import os
import signal
import socket
from multiprocessing import get_context

import pytest

from fdkd.files import _is_left_over, finite, remove_leftovers, write_json, written_whole


def test_a_file_takes_its_place_when_it_is_complete(tmp_path):
    path = tmp_path / 'notes.txt'
    path.write_text('older')
    with written_whole(path) as partial:
        partial.write_text('newer')
        assert partial.parent == tmp_path
        assert path.read_text() == 'older'
    assert path.read_text() == 'newer'
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_older_file_and_nothing_else(tmp_path):
    path = tmp_path / 'notes.txt'
    path.write_text('older')
    with pytest.raises(ZeroDivisionError), written_whole(path) as partial:
        partial.write_text(str(1 / 0))
    with pytest.raises(ZeroDivisionError), written_whole(path) as partial:
        assert partial.write_text('half') / 0
    assert path.read_text() == 'older'
    assert list(tmp_path.iterdir()) == [path]


def dies_while_writing(path):
    with written_whole(path) as partial:
        partial.write_text('half')
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_process_had_begun_is_removed_and_nothing_else(tmp_path):
    path = tmp_path / 'notes.txt'
    path.write_text('older')
    writer = get_context('fork').Process(target=dies_while_writing, args=(path,))
    writer.start()
    writer.join()
    [leftover] = tmp_path.glob('*.partial')
    host = socket.gethostname()
    kept = [
        tmp_path / name
        for name in (
            f'a.{host}-{os.getppid()}.partial',  # of a process that lives
            f'a.elsewhere-{writer.pid}.partial',  # of another machine, just now
            'set.partial',
            f'a.{host}-x.partial',
        )
    ]
    for other in kept:
        other.touch()
    (tmp_path / f'folder.{host}-{writer.pid}.partial').mkdir()
    forgotten = tmp_path / f'b.elsewhere-{writer.pid}.partial'
    forgotten.touch()
    os.utime(forgotten, (0, 0))
    assert sorted(remove_leftovers(tmp_path)) == sorted([leftover, forgotten])
    assert not leftover.exists()
    assert not forgotten.exists()
    assert all(other.exists() for other in kept)
    assert path.read_text() == 'older'
    assert remove_leftovers(tmp_path) == []


def test_what_has_gone_meanwhile_is_not_left_over(tmp_path):
    assert not _is_left_over(tmp_path / 'a.elsewhere-1.partial')


def test_on_windows_no_process_is_asked_for(tmp_path, monkeypatch):
    fresh, old = (tmp_path / f'{name}.{socket.gethostname()}-{os.getpid()}.partial' for name in ('fresh', 'old'))
    for path in (fresh, old):
        path.touch()
    os.utime(old, (0, 0))
    with monkeypatch.context() as patch:
        patch.setattr('os.name', 'nt')
        patch.setattr('os.kill', lambda *_: pytest.fail('that is Ctrl-C there'))
        found = [_is_left_over(path) for path in (fresh, old)]
    assert found == [False, True]


def test_json_is_valid_and_ends_with_a_line_break(tmp_path):
    path = tmp_path / 'figures.json'
    write_json(path, {'mean': 0.5, 'name': 'ä'})
    assert json.loads(path.read_text(encoding='utf-8')) == {'mean': 0.5, 'name': 'ä'}
    assert path.read_text(encoding='utf-8').endswith('}\n')
    with pytest.raises(ValueError, match='Out of range'):
        write_json(path, {'mean': math.nan})
    assert json.loads(path.read_text(encoding='utf-8'))['mean'] == 0.5


def test_what_is_not_finite_becomes_none():
    values = {'a': math.nan, 'b': [1.0, math.inf, 'x'], 'c': {'d': (math.nan, 2)}, 'e': None}
    assert finite(values) == {'a': None, 'b': [1.0, None, 'x'], 'c': {'d': [None, 2]}, 'e': None}
