"""The ledger under every accident that an append-only file can meet."""

import fcntl
import json
import multiprocessing
import time

import pytest

from fdkd.errors import DataError
from fdkd.reproduce.ledger import Damage, Ledger


def row(key='a', status='done', **rest):
    return {'key': key, 'name': f'run-{key}', 'status': status, 'config': 'c.py', 'seed': 0, **rest}


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / 'out' / 'ledger.jsonl')


def test_what_is_appended_is_read_in_order(ledger):
    assert (ledger.rows(), ledger.damaged) == ([], [])
    rows = [row('a', value=0.1 + 0.2, text='Ü\n"', nested={'x': [1, None, True]}), row('b'), row('a', 'failed')]
    for each in rows:
        ledger.append(each)
    assert Ledger(ledger.path).rows() == rows
    assert ledger.path.read_text().count('\n') == 3


def test_a_row_lacks_nothing(ledger):
    with pytest.raises(DataError, match='a row without status, seed'):
        ledger.append({'key': 'a', 'name': 'n', 'config': 'c'})
    assert not ledger.path.exists()


def test_what_is_no_figure_is_not_written(ledger):
    ledger.append(row('a'))
    with pytest.raises(ValueError, match='JSON'):
        ledger.append(row('b', value=float('nan')))
    assert (ledger.rows(), ledger.damaged) == ([row('a')], [])


@pytest.mark.parametrize('length', [1, 40, 90])
def test_a_line_that_was_cut_off_takes_nothing_with_it(ledger, length):
    ledger.append(row('a'))
    ledger.append(row('b'))
    content = ledger.path.read_bytes()
    start = content.index(b'\n') + 1
    ledger.path.write_bytes(content[: start + length])
    assert ledger.rows() == [row('a')]
    assert ledger.damaged == [Damage(2, 'no JSON, probably cut off')]
    ledger.append(row('c'))
    assert ledger.rows() == [row('a'), row('c')]
    assert [damage.line for damage in ledger.damaged] == [2]


def test_a_line_that_lacks_its_end_alone_is_whole(ledger):
    ledger.append(row('a'))
    ledger.path.write_bytes(ledger.path.read_bytes().rstrip(b'\n'))
    ledger.append(row('b'))
    assert (ledger.rows(), ledger.damaged) == ([row('a'), row('b')], [])


def test_an_altered_figure_is_noticed(ledger):
    ledger.append(row('a', accuracy=61.5))
    ledger.append(row('b', accuracy=62.5))
    ledger.path.write_text(ledger.path.read_text().replace('61.5', '91.5'))
    assert ledger.rows() == [row('b', accuracy=62.5)]
    assert ledger.damaged == [Damage(1, 'altered: its checksum does not fit')]


def test_foreign_and_blank_lines(ledger):
    ledger.append(row('a'))
    unchecked = json.dumps(row('x')).encode()
    with ledger.path.open('ab') as file:
        file.write(b'\n  \n[1, 2]\n"text"\n' + unchecked + b'\n\xff\xfe\n')
    ledger.append(row('b'))
    assert ledger.rows() == [row('a'), row('b')]
    lacks = 'lacks what every row has'
    assert ledger.damaged == [
        Damage(4, lacks), Damage(5, lacks), Damage(6, lacks), Damage(7, 'no JSON, probably cut off'),
    ]  # fmt: skip
    assert Ledger(ledger.path).damaged == []


def test_the_row_that_counts(ledger):
    rows = [
        row('done later', 'failed', at=1), row('done later', at=2),
        row('failed later', at=1), row('failed later', 'failed', at=2),
        row('done twice', at=1), row('done twice', at=2),
        row('failed twice', 'failed', at=1), row('failed twice', 'failed', at=2),
    ]  # fmt: skip
    for each in rows:
        ledger.append(each)
    newest = {key: (found['status'], found['at']) for key, found in ledger.newest().items()}
    assert newest == {
        'done later': ('done', 2), 'failed later': ('done', 1), 'done twice': ('done', 2),
        'failed twice': ('failed', 2),
    }  # fmt: skip
    assert ledger.done() == {'done later', 'failed later', 'done twice'}


def write_slowly(path, half):
    line = path.read_bytes()
    with path.open('ab') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(line[:20])
        file.flush()
        half.set()
        time.sleep(0.3)
        file.write(line[20:])


@pytest.mark.parametrize('more', [[], [row('b')]], ids=['reading', 'writing'])
def test_half_a_line_of_a_living_process_is_waited_for(ledger, more):
    ledger.append(row('a'))
    context = multiprocessing.get_context('fork')
    half = context.Event()
    writer = context.Process(target=write_slowly, args=(ledger.path, half))
    writer.start()
    assert half.wait(60)
    for each in more:
        ledger.append(each)
    assert (ledger.rows(), ledger.damaged) == ([row('a'), row('a'), *more], [])
    writer.join()


def write_many(path, name, start):
    ledger = Ledger(path)
    start.wait()
    for number in range(50):
        ledger.append(row(f'{name}{number}', text=name * 9000))  # longer than a file's buffer


def test_two_processes_write_side_by_side(ledger):
    context = multiprocessing.get_context('fork')
    start = context.Barrier(2)
    writers = [context.Process(target=write_many, args=(ledger.path, name, start)) for name in 'xy']
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    keys = [found['key'] for found in ledger.rows()]
    assert ledger.damaged == []
    assert [key for key in keys if key[0] == 'x'] == [f'x{number}' for number in range(50)]
    assert [key for key in keys if key[0] == 'y'] == [f'y{number}' for number in range(50)]
    assert len(keys) == 100


def test_brackets_within_brackets_are_damage(ledger):
    ledger.append(row('a'))
    with ledger.path.open('a') as file:
        file.write('[' * 100_000 + '\n')
    assert ledger.rows() == [row('a')]
    assert [damage.line for damage in ledger.damaged] == [2]


@pytest.mark.parametrize(('key', 'value'), [('key', ['a']), ('key', None), ('status', {}), ('seed', '0'), ('name', 3)])
def test_a_row_of_another_kind_is_damage_whatever_its_checksum(ledger, key, value):
    ledger.append({**row('a'), key: value})
    assert ledger.done() == set()
    assert ledger.damaged == [Damage(1, f'{key} is {value!r}')]


def test_a_folder_in_its_place_is_named(ledger):
    ledger.path.mkdir(parents=True)
    with pytest.raises(DataError, match=r'ledger.jsonl: the ledger cannot be read \(Is a directory\)'):
        ledger.rows()
    with pytest.raises(DataError, match=r'ledger.jsonl: a row cannot be written \(Is a directory\): run-a'):
        ledger.append(row('a'))


def test_a_full_disk_is_told_and_what_was_written_stays(ledger, monkeypatch):
    ledger.append(row('a'))

    def full(file):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('os.fsync', full)
    with pytest.raises(DataError, match=r'a row cannot be written .*No space left'):
        ledger.append(row('b'))
    assert row('a') in ledger.rows()
