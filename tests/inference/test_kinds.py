"""What all kinds of inputs share: lists within lists, folders in order, refusals that say what is taken."""

from pathlib import Path

import numpy as np
import pytest

from fdkd.errors import DataError
from fdkd.inference.kinds import Kind, Reading


@pytest.fixture
def kind():
    return Kind('touch', None, Reading(), dense=False)


def test_lists_and_folders_keep_their_order(kind, tmp_path):
    for name in ('c.npy', 'a.npy', 'b.NPY', 'd.txt', '.e.npy'):
        (tmp_path / name).write_text('')
    (tmp_path / 'f.npy').mkdir()
    found = list(kind.sources([str(tmp_path / 'c.npy'), (tmp_path, [tmp_path / 'a.npy'])]))
    assert [source.name for source in found] == ['c', 'a', 'b', 'c', 'a']
    assert all(source.count == 1 and source.sample_id == source.name for source in found)
    [shot] = found[0].shots()
    assert shot.opener(Path('nowhere')) == str(tmp_path / 'c.npy')


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        (np.zeros(3), 'an array, but this student takes touch'),
        (None, 'an input of the type NoneType'),
        ([b'x'], 'an input of the type int'),
        (Path('gone'), 'gone: no such file or folder'),
    ],
)
def test_what_is_no_input_is_refused(kind, given, words):
    with pytest.raises(DataError, match=words):
        list(kind.sources(given))


@pytest.mark.parametrize('stride', [0, -1, 1.5, True])
def test_strides_are_counts(stride):
    with pytest.raises(DataError, match='expected a whole number above 0'):
        Reading(stride=stride)
