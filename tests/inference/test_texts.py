"""Texts from strings, lines and columns; arrays of other sensors."""

from pathlib import Path

import numpy as np
import pytest

from fdkd.datasets.transforms import LoadArray, Tokenize
from fdkd.errors import DataError
from fdkd.inference.kinds import Reading
from fdkd.inference.sources import room
from fdkd.inference.texts import Arrays, Texts
from tests.inference.tiny import WORDS


@pytest.fixture(scope='module')
def loader(tmp_path_factory):
    folder = tmp_path_factory.mktemp('words')
    (folder / 'vocab.txt').write_text('\n'.join(WORDS) + '\n')
    (folder / 'tokenizer_config.json').write_text('{"tokenizer_class": "BertTokenizerFast"}')
    return Tokenize('text', str(folder), max_length=6)


def texts(loader, given, **reading):
    """Name by text."""
    kind = Texts('text', loader, Reading(**reading), dense=False)
    return [(source.name, shot.opener(Path('x'))) for source in kind.sources(given) for shot in source.shots()]


def test_strings_are_texts(loader):
    assert texts(loader, 'flood in the city') == [('text', 'flood in the city')]
    assert texts(loader, ['', 'see report.txt', 'a/b']) == [('text', ''), ('text', 'see report.txt'), ('text', 'a/b')]


def test_lines_of_a_file(loader, tmp_path):
    (tmp_path / 'posts.txt').write_bytes('\ufeffflood\n\n  \r\nin the city \r\nÜ\n'.encode() + b'\xff\n')
    found = [('posts_1', 'flood'), ('posts_2', 'in the city '), ('posts_3', 'Ü'), ('posts_4', '\ufffd')]
    assert texts(loader, str(tmp_path / 'posts.txt')) == found


def test_a_column_of_a_table(loader, tmp_path):
    (tmp_path / 'a.csv').write_text('id,text\n1,"flood, the"\n2,city\n')
    (tmp_path / 'b.tsv').write_text('said\tby\ncity\tx\n')
    (tmp_path / 'c.csv').write_text('said\ncity\n')
    assert texts(loader, tmp_path / 'a.csv') == [('a_1', 'flood, the'), ('a_2', 'city')]
    assert texts(loader, tmp_path / 'a.csv', column='id')[0] == ('a_1', '1')
    assert texts(loader, tmp_path / 'c.csv') == [('c_1', 'city')]
    with pytest.raises(DataError, match="no column 'text'; name one of said, by with --column"):
        texts(loader, tmp_path / 'b.tsv')


def test_files_that_hold_no_text_are_refused(loader, tmp_path):
    (tmp_path / 'empty.txt').write_text('\n')
    (tmp_path / 'a.png').write_text('')
    for given, words in (
        ('gone.txt', r'gone\.txt: no such file'),
        ('photo.jpg', r'photo\.jpg: no such file'),
        (str(tmp_path / 'empty.txt'), 'no text in it'),
        (str(tmp_path / 'a.png'), 'an image, but this student takes text: give it texts'),
        (str(tmp_path), 'a folder, but this student takes text'),
        (np.zeros(3), 'an array, but this student takes text'),
    ):
        with pytest.raises(DataError, match=words):
            texts(loader, given)


def test_only_what_is_cut_is_remarked_on(loader):
    kind = Texts('text', loader, Reading(), dense=False)
    for text, cut in (('flood in', False), ('flood in the city', False), ('flood in the city the', True)):
        remark = kind.remark(text, loader.apply(text, 'id'))
        assert (remark is not None) == cut
    assert remark.startswith('longer than 6 tokens')
    many = 'flood ' * 10000
    assert len(loader.apply(many, 'id')) == 6
    assert kind.remark(many, loader.apply(many, 'id')) == remark


def test_arrays_go_through_a_file(tmp_path):
    kind = Arrays('imu', LoadArray('imu'), Reading(), dense=False)
    values = np.arange(6, dtype=np.int16).reshape(2, 3)
    np.save(tmp_path / 'a.npy', values)
    with room() as place:
        for given, name in ((values, 'array'), (tmp_path / 'a.npy', 'a'), (tmp_path, 'a')):
            [source] = kind.sources(given)
            [shot] = source.shots()
            assert source.name == name
            assert np.array_equal(kind.loader.apply(shot.opener(place()), 'id'), values[None])
        [source] = kind.sources(np.array(['a']))
        with pytest.raises(DataError, match='an array: <U1, expected one array of real numbers'):
            next(source.shots()).opener(place())
