"""Whatever stands in a table: its rows, or an error that names it; and how it is written down changes nothing."""

import csv
import gzip
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fdkd.datasets import AVE, CREMAD, CrisisMMD, NYUDepthV2, PairedDataset, VGGSound
from fdkd.datasets.annotations import read_table
from fdkd.datasets.listing import Entry, hold_out
from fdkd.datasets.patterns import Pattern
from fdkd.errors import ConfigError, DataError
from tests.support.fuzzing import REFUSED, right_or_refused, spoilt, tries

pytestmark = pytest.mark.usefixtures('bounded')

#: Of these, damaged tables are made: every sign that means something in one, and letters.
SIGNS = st.sampled_from([*'ab,;\t"\'&{}\\/. ', '\n', '\r', '\r\n', '\0', 'é', '\ufeff', '\u2028', '\x1c', '""', '..'])
TEXT = st.lists(SIGNS, max_size=40).map(''.join)
VALUE = st.text(st.characters(exclude_categories=('Cs',)), max_size=8)
WORD = st.text('abcü_-1', min_size=1, max_size=5)
TABLE = b'id,label,split\na,cat,train\nb,"dog",train\nc,cat,test\n'


@st.composite
def tables(draw, values=VALUE):
    """Names of columns, and rows none of which is blank."""
    columns = draw(st.lists(WORD, min_size=1, max_size=4, unique=True))
    row = st.lists(values, min_size=len(columns), max_size=len(columns))
    return columns, draw(st.lists(row.filter(lambda row: any(value.strip() for value in row)), max_size=6))


def in_bytes(rows, bom=False, encoding='utf-8', **form):
    text = io.StringIO(newline='')
    csv.writer(text, **form).writerows(rows)
    return (b'\xef\xbb\xbf' if bom else b'') + text.getvalue().encode(encoding)


@tries(120)
@given(content=TEXT.map(str.encode) | st.binary(max_size=60) | spoilt(st.just(TABLE)), packed=st.booleans(),
       suffix=st.sampled_from(['csv', 'tsv', 'txt']), delimiter=st.sampled_from([None, None, '&', ';', ' ']),
       columns=st.none() | st.just(('id', 'label')))  # fmt: skip
def test_any_bytes_are_a_table_or_an_error(tmp_path, content, packed, suffix, delimiter, columns):
    path = tmp_path / (f'packed.{suffix}.gz' if packed else f'plain.{suffix}')
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    rows = right_or_refused('read_table', lambda: read_table(path, columns, delimiter), path)
    if rows is not REFUSED:
        assert len({tuple(row) for row in rows}) <= 1
        assert all(isinstance(value, str) for row in rows for value in row.values())


@tries(40)
@given(content=spoilt(st.just(gzip.compress(TABLE * 20, mtime=0))))
def test_a_damaged_packed_table_is_an_error_or_whole(tmp_path, content):
    path = tmp_path / 'table.csv.gz'
    path.write_bytes(content)
    right_or_refused('read_table, packed', lambda: read_table(path, ('id', 'label', 'split')), path)


@tries(60)
@given(table=tables(), quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), bom=st.booleans(),
       end=st.sampled_from(['\r\n', '\n']), delimiter=st.sampled_from(',;&|'), packed=st.booleans())  # fmt: skip
def test_how_a_table_is_written_does_not_change_it(tmp_path, table, quoting, bom, end, delimiter, packed):
    columns, rows = table
    if end == '\n' and any('\r' in value for row in rows for value in row):
        quoting = csv.QUOTE_ALL  # the writer quotes only the ends of its own lines
    content = in_bytes([columns, *rows], bom, delimiter=delimiter, quoting=quoting, lineterminator=end)
    path = tmp_path / ('table.csv.gz' if packed else 'table.csv')
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    expected = [dict(zip(columns, row, strict=True)) for row in rows]
    assert read_table(path, delimiter=delimiter) == expected
    path.write_bytes(b'')
    headless = in_bytes(rows, bom, delimiter=delimiter, quoting=quoting, lineterminator=end)
    path.write_bytes(gzip.compress(headless, 1) if packed else headless)
    assert read_table(path, columns, delimiter) == expected


@tries(40)
@given(table=tables(st.text(st.characters(exclude_characters='\t\r\n', exclude_categories=('Cs',)), max_size=8)))
def test_between_tabs_every_sign_is_a_value(tmp_path, table):
    columns, rows = table
    path = tmp_path / 'table.tsv'
    path.write_bytes('\n'.join('\t'.join(row) for row in [columns, *rows]).encode())
    assert read_table(path) == [dict(zip(columns, row, strict=True)) for row in rows]


@tries(120)
@given(text=st.lists(st.sampled_from([*'{}:!.[]0<>rsd ', 'id', 'split', 'x']), max_size=12).map(''.join) | TEXT,
       value=VALUE)  # fmt: skip
@example('{id:{id}}', '999999999')
@example('{id!x}', 'a')
def test_any_pattern_is_refused_or_gives_text(text, value):
    row = {'id': value, 'split': 'train'}

    def filled():
        pattern = Pattern(text, 'sources.audio')
        if problems := pattern.check(row):
            raise DataError('; '.join(problems))
        assert isinstance(pattern.lacks(row), bool)
        return pattern.fill(row)

    assert isinstance(right_or_refused('Pattern', filled, 'sources.audio'), (str, object))


ENTRIES = st.dictionaries(VALUE, st.sampled_from(['', 'cat', 'dog', 'cow']), max_size=30).map(
    lambda labels: [Entry(name, 'train', label, None, {}) for name, label in labels.items()]
)


@tries(60)
@given(entries=ENTRIES, share=st.floats(0.01, 0.99), order=st.randoms(use_true_random=False))
def test_what_is_held_out_parts_every_class(entries, share, order):
    held = hold_out(entries, share)
    for label in ('cat', 'dog', 'cow'):
        ids = {entry.sample_id for entry in entries if entry.label == label}
        assert len(ids & held) == (min(max(round(share * len(ids)), 1), len(ids) - 1) if ids else 0)
        if len(ids) > 1:
            assert 0 < len(ids & held) < len(ids)
    assert held <= {entry.sample_id for entry in entries if entry.label}
    order.shuffle(entries)
    assert hold_out(entries, share) == held


@pytest.fixture
def root(tmp_path):
    """Files and folders that values of generated tables lead to."""
    for name in ('a', 'b', 'c'):
        (tmp_path / f'{name}.wav').touch()
        (tmp_path / name).mkdir()
    return tmp_path


ODD = st.sampled_from([None, 3, 'train', (), ['a', 3], {}, {'x': 1}, b'a', float('nan'), -1, '', '\0', 'x' * 5000])
ARGUMENTS = {
    'annotations': ODD | st.sampled_from(['none.csv', '{split}.csv', 'a', '../list.csv']),
    'classes': ODD | st.lists(WORD | st.integers(), max_size=3),
    'sources': ODD | st.dictionaries(WORD, WORD | st.just({'text': '{id}'}) | ODD, max_size=2),
    'id': ODD | TEXT,
    'label': ODD | TEXT,
    'group': ODD | st.just('{id:.1}'),
    'splits': ODD | st.lists(WORD, max_size=3),
    'split_column': ODD,
    'columns': ODD | st.lists(WORD, max_size=4),
    'delimiter': ODD | st.sampled_from([';', '"', '\n', 'ab', '&']),
    'merge': ODD | st.dictionaries(WORD, WORD | st.integers(), max_size=2),
    'validation': ODD | st.floats(),
    'missing': ODD | st.just('skip'),
    'optional': ODD | st.lists(st.sampled_from(['audio', 'label', 'none', 3]), max_size=2),
    'split': ODD | st.just('val'),
    'data_root': ODD,
}
GOOD = [('a', 'cat', 'train'), ('b', 'dog', 'train'), ('c', 'cat', 'test')]
ODD_ROWS = st.lists(st.tuples(st.sampled_from(['a', 'b', 'c', 'd', '', ' ', '.', '..', '\0', 'x' * 300, 'a/../b']),
                          st.sampled_from(['cat', 'dog', 'cow', '', ' cat']),
                          st.sampled_from(['train', 'test', 'val', ''])), max_size=4)  # fmt: skip
ROWS = st.just(GOOD) | ODD_ROWS | ODD_ROWS.map(lambda rows: GOOD + rows[:1]) | st.permutations(GOOD)


@tries(100)
@given(rows=ROWS, strange=st.data(), missing=st.sampled_from(['error', 'skip']), share=st.sampled_from([0.0, 0.0, 0.4]),
       split=st.sampled_from(['train', 'test', 'val']))  # fmt: skip
def test_any_table_and_arguments_are_a_data_set_or_an_error(root, rows, strange, missing, share, split):
    (root / 'list.csv').write_bytes(in_bytes([('id', 'label', 'split'), *rows]))
    given = {
        'data_root': str(root), 'split': split, 'annotations': 'list.csv', 'classes': ['cat', 'dog'],
        'sources': {'audio': '{id}.wav', 'visual': '{id}/../{id}', 'text': {'text': '{id} {label}'}},
        'missing': missing, 'validation': share,
    }  # fmt: skip
    names = strange.draw(
        st.lists(st.sampled_from(sorted(ARGUMENTS)), max_size=strange.draw(st.integers(0, 2)), unique=True)
    )
    given |= {name: strange.draw(ARGUMENTS[name]) for name in names}
    said = (given['data_root'], 'PairedDataset', *names)
    dataset = right_or_refused('PairedDataset', lambda: PairedDataset(**given), *said)
    if dataset is not REFUSED:
        samples = [dataset.get_data_info(index) for index in range(len(dataset))]
        assert samples
        assert len({sample['sample_id'] for sample in samples}) == len(samples) == dataset.counts['used']
        assert all(-1 <= sample['gt_label'] < len(dataset.classes) for sample in samples)


@tries(30)
@given(rows=ROWS, share=st.floats(0.01, 0.99), ends=st.sampled_from(['\n', '\r\n']), bom=st.booleans(),
       quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]), delimiter=st.sampled_from(',;|'))  # fmt: skip
def test_held_out_and_kept_are_all_of_training_whatever_the_form(root, rows, share, ends, bom, quoting, delimiter):
    rows = list({row[0]: row for row in rows if row[0].strip() in 'abc'}.values())

    def listed(split, validation, content, delimiter):
        (root / 'list.csv').write_bytes(content)
        arguments = dict(annotations='list.csv', classes=['cat', 'dog', 'cow'], sources={'audio': '{id}.wav'})
        try:
            dataset = PairedDataset(
                str(root), split, validation=validation, delimiter=delimiter, missing='skip', **arguments
            )
        except DataError:
            return None
        return {sample['sample_id']: sample['gt_label'] for sample in map(dataset.get_data_info, range(len(dataset)))}

    plain = in_bytes([('id', 'label', 'split'), *rows])
    form = in_bytes([('id', 'label', 'split'), *rows], bom, delimiter=delimiter, quoting=quoting, lineterminator=ends)
    whole, kept, held = (listed(*asked, plain, None) for asked in (('train', 0.0), ('train', share), ('val', share)))
    assert [listed(*asked, form, delimiter) for asked in (('train', 0.0), ('train', share), ('val', share))] == [
        whole, kept, held,
    ]  # fmt: skip
    if whole and kept and held:
        assert kept | held == whole
        assert not kept.keys() & held.keys()


#: The list of a split, and what it names; ``#`` is another number in each split.
OFFICIAL = {
    AVE: ('{split}Set.txt', b'Bark&v#&good&0&10\nGoat&w#&good&1&9\n', 'v# w#'),
    CREMAD: ('{split}.csv', b'100#_IEO_NEU_XX,NEU\n100#_IEO_HAP_XX,HAP\n', '100#_IEO_NEU_XX 100#_IEO_HAP_XX'),
    VGGSound: (
        '{split}.csv',
        b'---g-f_I2yQ,#,people marching,test\n0Uu,3#,"playing violin, fiddle",train\n',
        '---g-f_I2yQ_00000# 0Uu_00003#',
    ),
    CrisisMMD: (
        'task_humanitarian_text_img_agreed_lab_{split}.tsv',
        b'tweet_id\timage_id\ttweet_text\timage\tlabel\n#\t#_0\tRT "x\tframes/#\tvehicle_damage\n',
        '#',
    ),
}


@tries(60)
@given(kind=st.sampled_from(list(OFFICIAL)), damage=st.data(), split=st.sampled_from(['train', 'test', 'val', 'dev']))
def test_damaged_official_lists_are_data_or_an_error(tmp_path, kind, damage, split):
    name, content, ids = OFFICIAL[kind]
    for number, each in enumerate(('train', 'test', 'val', 'dev')):
        text = content.replace(b'#', str(number).encode())
        damaged = damage.draw(st.just(text) | spoilt(st.just(text), len(text))) if each == split else text
        (tmp_path / name.replace('{split}', each)).write_bytes(damaged)
        for sample in ids.replace('#', str(number)).split():
            (tmp_path / 'frames' / sample).mkdir(parents=True, exist_ok=True)
            (tmp_path / 'audio').mkdir(exist_ok=True)
            (tmp_path / 'audio' / f'{sample}.wav').touch()
    found = right_or_refused(
        kind.__name__, lambda: kind(str(tmp_path), split, optional=['label']), tmp_path, kind.__name__
    )
    if found is not REFUSED:
        paths = {sample.get('visual', sample.get('image')) for sample in map(found.get_data_info, range(len(found)))}
        assert all(path.startswith(str(tmp_path)) for path in paths)


FRAMES = st.lists(st.sampled_from([b'0001', b'0004', b'0007', b'0008']), min_size=1, max_size=4, unique=True).map(
    b'\r\n'.join
)


@tries(80)
@given(content=FRAMES | spoilt(FRAMES) | TEXT.map(str.encode) | st.binary(max_size=20),
       bom=st.booleans())  # fmt: skip
def test_any_list_of_frames_is_data_or_an_error(nyu_root, tmp_path_factory, content, bom):
    root = tmp_path_factory.getbasetemp() / 'frames'
    root.mkdir(exist_ok=True)
    for folder in ('rgb', 'depth', 'label40'):
        if not (root / folder).exists():
            (root / folder).symlink_to(nyu_root / folder)
    (root / 'any.txt').write_bytes((b'\xef\xbb\xbf' if bom else b'') + content)
    found = right_or_refused('NYUDepthV2', lambda: NYUDepthV2(str(root), 'any'), root)
    if found is not REFUSED:
        paths = [value for i in range(len(found)) for key, value in found.get_data_info(i).items() if '_path' in key]
        assert paths
        assert all((root / path).is_file() for path in paths)
        assert len(found) == len(content.decode('utf-8-sig').split())


def test_an_argument_that_no_table_can_have_is_refused(root):
    for delimiter in ('', 'ab', '"', '\n', 3):
        with pytest.raises(ConfigError, match='delimiter='):
            read_table(root / 'list.csv', delimiter=delimiter)
