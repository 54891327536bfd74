"""Folders of any shape: what is there is found, and their hash depends on names, sizes and tables alone."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdkd.datasets import fingerprint
from fdkd.datasets.folders import Folders
from tests.support.fuzzing import right_or_refused, tries

pytestmark = pytest.mark.usefixtures('bounded')

NAME = st.text('ab.é', min_size=1, max_size=3).filter(lambda name: name.strip('.')) | st.sampled_from(
    [b'\xff.csv'.decode(errors='surrogateescape'), 'a.csv', 'b.txt', 'x' * 200]
)
PATH = st.lists(NAME, min_size=1, max_size=3).map('/'.join)
#: Files with their content, and links with what they lead to.
ENTRIES = st.lists(
    st.tuples(PATH, st.binary(max_size=4) | st.sampled_from(['.', '..', 'nowhere', 'a', 'b', '../a', 'loop'])),
    max_size=8,
)


def build(root, entries):
    """Makes what can be made of ``entries``, and returns the paths."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    made = []
    for name, content in entries:
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.symlink_to(content)
            made.append(path)
        except (OSError, ValueError):  # what two entries cannot both be
            continue
    return made


def data_hash(root):
    fingerprint.walk.cache_clear()
    return right_or_refused('data_hash', lambda: fingerprint.data_hash(root), root)


@tries(50)
@given(entries=ENTRIES, order=st.randoms(use_true_random=False))
def test_the_hash_of_any_folder_depends_on_what_is_in_it_alone(tmp_path, entries, order):
    root = tmp_path / 'here'
    entries = list({name: (name, content) for name, content in entries}.values())
    made = build(root, entries)
    first = data_hash(root)
    assert len(first) == 12
    assert data_hash(root) == first
    if len(made) == len(entries) and all(isinstance(content, bytes) for _, content in entries):
        order.shuffle(entries)
        build(tmp_path / 'there', entries)
        assert data_hash(tmp_path / 'there') == first


@tries(40)
@given(
    entries=ENTRIES, asked=st.lists(PATH | st.sampled_from(['a/\0/b', 'a\0', 'x' * 300, 'x' * 300 + '/a']), max_size=4)
)
def test_what_is_there_is_found_and_nothing_else(tmp_path, entries, asked):
    root = tmp_path / 'root'
    made = build(root, entries)
    folders = Folders()
    for path in [*map(str, made), *(f'{root}/{name}' for name in asked)]:
        path = os.path.normpath(path)
        # pathlib's own answer raises where a name is too long
        assert right_or_refused('Folders.have', lambda path=path: folders.have(path), path) == os.path.exists(path)
    assert Path(root).is_dir()
