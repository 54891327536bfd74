"""Digests of files, folders and texts, and who had one first."""

import pytest

from fdkd.doctor.contents import Contents, digest, text_digest
from fdkd.errors import DataError


def test_a_file_is_its_bytes(tmp_path):
    for name, content in (('a', b'x' * 3_000_000), ('b', b'x' * 3_000_000), ('c', b'x' * 2_999_999 + b'y')):
        (tmp_path / name).write_bytes(content)
    (a, size), (b, _), (c, _) = (digest(str(tmp_path / name)) for name in 'abc')
    assert size == 3_000_000
    assert a == b != c


def test_a_folder_is_its_images_in_their_order(tmp_path):
    for folder, contents in (('a', 'xy'), ('b', 'xy'), ('c', 'yx'), ('d', ('xy', ''))):
        (tmp_path / folder).mkdir()
        for number, content in enumerate(contents):
            (tmp_path / folder / f'{9 + number}.png').write_text(content)
    (tmp_path / 'b' / 'notes.txt').write_text('of no importance')
    (a, size), (b, _), (c, _), (d, _) = (digest(str(tmp_path / folder)) for folder in 'abcd')
    assert size == 2
    assert a == b
    assert len({a, c, d}) == 3
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DataError, match='no frames'):
        digest(str(tmp_path / 'empty'))


def test_texts_may_hold_broken_characters():
    assert text_digest('a\udcff') != text_digest('a')
    assert text_digest('a')[1] == 1


def test_a_copy_is_a_leak_in_another_split_and_a_duplicate_in_its_own():
    contents = Contents()
    told = [
        [tuple(remark) for remark in contents.add(split, name, part, f'{name}.png', content)]
        for split, name, part, content in [
            ('train', 'a', 'rgb', b'1'),
            ('train', 'b', 'rgb', b'1'),
            ('train', 'b', 'depth', b'1'),
            ('test', 'c', 'rgb', b'1'),
            ('test', 'd', 'rgb', b'2'),
            ('test', 'e', 'rgb', b'2'),
            ('train', 'x', 'label', b'1'),
            ('test', 'x', 'label', b'1'),
        ]
    ]
    assert told == [
        [],
        [('warning', 'duplicate', 'the same content as a (a.png)')],
        [],
        [('error', 'leak', 'the same content as train/a (a.png)')],
        [],
        [('warning', 'duplicate', 'the same content as d (d.png)')],
        [],
        [('warning', 'leak', 'the same content as train/x (x.png)')],
    ]
