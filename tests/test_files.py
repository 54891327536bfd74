"""Files that appear whole or not at all."""

import json
import math

import pytest

from fdkd.files import finite, write_json, written_whole


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
