"""Tables in every form in which publishers hand them out, and each way in which one can be broken."""

import gzip

import pytest

from fdkd.datasets.annotations import read_lines, read_table, table_path
from fdkd.errors import ConfigError, DataError

ROWS = [{'id': 'a', 'label': 'dog'}, {'id': 'b', 'label': 'bird chirping, tweeting'}]


@pytest.mark.parametrize(
    ('name', 'content'),
    [
        ('plain.csv', b'id,label\na,dog\nb,"bird chirping, tweeting"\n'),
        ('bom.csv', b'\xef\xbb\xbfid,label\na,dog\nb,"bird chirping, tweeting"\n'),
        ('crlf.csv', b'id,label\r\na,dog\r\nb,"bird chirping, tweeting"\r\n'),
        ('no_end.csv', b'id,label\na,dog\nb,"bird chirping, tweeting"'),
        ('blank.csv', b'id,label\n\na,dog\n\n , \nb,"bird chirping, tweeting"\n\n'),
        ('quoted.csv', b'"id","label"\n"a","dog"\n"b","bird chirping, tweeting"\n'),
        ('spaced.csv', b' id , label\na,dog\nb,"bird chirping, tweeting"\n'),
        ('tabs.tsv', b'id\tlabel\na\tdog\nb\tbird chirping, tweeting\n'),
    ],
)
def test_forms_of_the_same_table(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert read_table(tmp_path / name) == ROWS
    (tmp_path / f'packed_{name}.gz').write_bytes(gzip.compress(content))
    assert read_table(tmp_path / f'packed_{name}') == ROWS
    assert read_table(tmp_path / f'packed_{name}.gz') == ROWS


def test_rows_come_with_the_line_that_they_begin_in(tmp_path):
    (tmp_path / 'a.csv').write_bytes(b'id,label\n\na,"a dog\nand a cat"\nb,c\n')
    assert [(line, row['id']) for line, row in read_lines(tmp_path / 'a.csv')] == [(3, 'a'), (5, 'b')]


def test_a_table_without_header_and_with_another_delimiter(tmp_path):
    (tmp_path / 'set.txt').write_bytes(b'\xef\xbb\xbfRodents, rats, mice&x1&0&10\r\n')
    rows = read_table(tmp_path / 'set.txt', ('category', 'video', 'start', 'end'), '&')
    assert rows == [{'category': 'Rodents, rats, mice', 'video': 'x1', 'start': '0', 'end': '10'}]


def test_quotes_between_tabs_are_part_of_the_text(tmp_path):
    (tmp_path / 'tweets.tsv').write_bytes(b'id\ttext\n1\t"I am "safe\n2\t"two"\n')
    assert [row['text'] for row in read_table(tmp_path / 'tweets.tsv')] == ['"I am "safe', '"two"']


def test_bytes_that_are_no_utf8_survive(tmp_path):
    (tmp_path / 'tweets.tsv').write_bytes(b'id\ttext\n1\tcaf\xe9 \xf0\x9f\x98\xa2\x00\x07\n2\t\n')
    assert [row['text'] for row in read_table(tmp_path / 'tweets.tsv')] == ['caf� 😢\x00\x07', '']


def test_the_unpacked_file_comes_first(tmp_path):
    (tmp_path / 'a.csv').write_text('id\nunpacked\n')
    (tmp_path / 'a.csv.gz').write_bytes(gzip.compress(b'id\npacked\n'))
    assert read_table(tmp_path / 'a.csv') == [{'id': 'unpacked'}]
    assert table_path(tmp_path / 'a.csv') == tmp_path / 'a.csv'
    assert table_path(tmp_path / 'none.csv') == tmp_path / 'none.csv'


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'a.csv: empty, expected a row with the names of the columns'),
        (b'\n\n', 'a.csv: empty, expected a row with the names of the columns'),
        (b'id,label,id\na,b,c\n', "a.csv: the header row names 'id' more than once"),
        (
            b'id,label\na,b\n\nc,d,e\n',
            r'a.csv, line 4: 3 values, expected 2 \(id, label\) with a comma between them',
        ),
        (b'id,label\na,b\nc\n', 'a.csv, line 3: 1 values, expected 2'),
        (b'id,label\na,"never closed\nc,d\n', r'a.csv, line 2: no row of a table \(unexpected end of data\)'),
    ],
)
def test_broken_tables_are_named_with_the_line(tmp_path, content, message):
    (tmp_path / 'a.csv').write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / 'a.csv')


def test_an_absent_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r'a.csv: no such file, nor a.csv.gz'):
        read_table(tmp_path / 'a.csv')


@pytest.mark.parametrize('content', [b'id\na\n', gzip.compress(b'id\na\n' * 50)[:-10]], ids=['unpacked', 'cut'])
def test_a_damaged_packed_table_is_named(tmp_path, content):
    (tmp_path / 'a.csv.gz').write_bytes(content)
    with pytest.raises(DataError, match=r'a.csv.gz: cannot be read'):
        read_table(tmp_path / 'a.csv')


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(DataError, match='cannot be read'):
        read_table(tmp_path)


def test_both_published_copies_of_crema_d_are_the_same(official):
    columns = ('id', 'label')
    for split in ('train', 'test'):
        one, other = (read_table(official / 'cremad' / f'{who}_{split}.csv', columns) for who in ('c2kd', 'ogmge'))
        assert one == other
    assert read_table(official / 'cremad' / 'ogmge_stat.csv', ('name',))[0] == {'name': 'NEU'}


def test_real_tweets_keep_every_row_and_quote(official):
    path = official / 'crisismmd' / 'task_humanitarian_text_img_agreed_lab_dev.tsv'
    rows = read_table(path)
    lines = gzip.decompress(path.with_name(f'{path.name}.gz').read_bytes()).decode().split('\n')
    assert len(rows) == len([line for line in lines if line.strip()]) - 1 == 998
    assert sum('"' in row['tweet_text'] for row in rows) == sum('"' in line for line in lines) == 32


@pytest.mark.parametrize('delimiter', ['', 'ab', '"', '\n', '\0', 3])
def test_what_separates_nothing_is_no_delimiter(tmp_path, delimiter):
    (tmp_path / 'a.csv').write_text('id\na\n')
    with pytest.raises(ConfigError, match=r'a.csv: delimiter=.*, expected one character'):
        read_table(tmp_path / 'a.csv', delimiter=delimiter)


def test_a_column_that_is_named_twice_hides_none(tmp_path):
    (tmp_path / 'a.csv').write_text('a,b\n')
    with pytest.raises(ConfigError, match=r"columns=\['id', 'id'\] names one of them twice"):
        read_table(tmp_path / 'a.csv', ('id', 'id'))


@pytest.mark.parametrize('encoding', ['utf-16-le', 'utf-16-be'])
def test_another_encoding_with_a_mark_is_named(tmp_path, encoding):
    (tmp_path / 'a.csv').write_bytes('\ufeffid\na\n'.encode(encoding))
    with pytest.raises(DataError, match=r'a.csv: UTF-16, expected UTF-8'):
        read_table(tmp_path / 'a.csv', ['id'])


def test_a_packed_table_unfolds_only_so_far(tmp_path, monkeypatch):
    monkeypatch.setattr('fdkd.datasets.annotations._LONGEST', 2**21)
    (tmp_path / 'a.csv.gz').write_bytes(gzip.compress(bytes(2**24)))
    with pytest.raises(DataError, match=r'a.csv.gz: longer than 2,097,152 bytes'):
        read_table(tmp_path / 'a.csv')


@pytest.mark.parametrize('name', ['a\0b.csv', 'x' * 300])
def test_a_name_that_no_file_can_have_is_an_error(tmp_path, name):
    with pytest.raises(DataError, match='cannot be read'):
        read_table(tmp_path / name)
