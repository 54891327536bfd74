"""What is kept comes back, in every process, and nothing grows beyond its bounds."""

import multiprocessing
import pickle

import numpy as np
import pytest

from fdkd.datasets.encoding import encode
from fdkd.datasets.stores import GIB, DiskStore, RamStore, available_memory
from fdkd.errors import ConfigError, DataError

VALUE = {'a': np.arange(100.0), 'b': 'text'}
SIZE = len(encode(VALUE))


def equal(found):
    return found['b'] == 'text' and np.array_equal(found['a'], VALUE['a'])


def test_a_folder_keeps_results_by_key(tmp_path):
    store = DiskStore(tmp_path / 'new' / 'cache')
    assert store.get('abcd') is None
    store.put('abcd', VALUE)
    assert equal(DiskStore(store.folder).get('abcd'))
    assert store.get('abce') is None
    assert [path.name for path in store.folder.rglob('*.*')] == ['cd.bin']  # no partial file stays


def test_a_damaged_file_is_as_none(tmp_path):
    store = DiskStore(tmp_path)
    store.put('abcd', VALUE)
    path = tmp_path / 'ab' / 'cd.bin'
    whole = path.read_bytes()
    damaged = [whole[:cut] for cut in range(0, len(whole), 7)] + [whole + b'\0', bytes(len(whole))]
    flipped = [whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :] for at in range(0, len(whole), 3)]
    for data in damaged + flipped:
        path.write_bytes(data)
        assert store.get('abcd') is None
    store.put('abcd', VALUE)
    assert equal(store.get('abcd'))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match=f'{tmp_path}/file: cannot keep results there'):
        DiskStore(tmp_path / 'file').put('abcd', VALUE)


def test_memory_keeps_results_as_long_as_there_is_room():
    store = RamStore(4, 2 * SIZE + 5)
    for number in (3, 0, 1):
        assert store.get(number) is None
        store.put(number, VALUE)
    assert equal(store.get(3))
    assert equal(store.get(0))
    assert store.get(1) is None
    store.put(2, 'small')
    assert store.get(2) is None
    assert RamStore(1, 0).get(0) is None


def test_a_result_is_kept_once():
    store = RamStore(2, 2 * SIZE)
    store.put(0, VALUE)
    store.put(0, {'b': 'another'})
    store.put(1, VALUE)
    assert equal(store.get(0))
    assert equal(store.get(1))


def _fill(store, start):
    for number in range(start, start + 10):
        store.put(number % 15, {'number': np.full(50, number % 15)})


def test_forked_processes_share_the_memory():
    context = multiprocessing.get_context('fork')
    size = len(encode({'number': np.full(50, 14)}))
    store = RamStore(15, 15 * size)
    processes = [context.Process(target=_fill, args=(store, start)) for start in (0, 5, 10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [int(store.get(number)['number'].sum()) for number in range(15)] == [50 * number for number in range(15)]


def test_memory_cannot_be_sent_to_another_process():
    with pytest.raises(ConfigError, match="cache='ram' needs workers that are forked"):
        pickle.dumps(RamStore(1, 10))


def test_more_memory_than_the_system_has_is_refused():
    with pytest.raises(ConfigError, match="cache='ram': the system gives no"):
        RamStore(1, 2**62)


def test_available_memory_is_above_nothing_and_below_a_petabyte():
    assert 2**20 < available_memory() < 2**50


def system(folder, groups, **files):
    """A machine with 64 GiB left, and control groups."""
    (folder / 'proc/self').mkdir(parents=True)
    (folder / 'proc/meminfo').write_text(f'MemTotal: 99 kB\nMemAvailable: {64 * 2**20} kB\n')
    (folder / 'proc/self/cgroup').write_text(groups)
    for name, text in files.items():
        path = folder / 'sys/fs/cgroup' / name.replace('__', '/')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(path.name.replace('_dot_', '.')).write_text(text)
    return folder


def test_a_machine_without_limits_has_what_is_available(tmp_path):
    assert available_memory(system(tmp_path, '0::/\n', memory_dot_max='max\n')) == 64 * GIB


def test_a_group_within_limits_what_is_left_but_cached_files_do_not_count(tmp_path):
    limits = {'memory_dot_max': str(10 * GIB), 'memory_dot_current': str(7 * GIB)}
    files = {f'job__step__{name}': text for name, text in limits.items()}
    stat = f'anon 5\ninactive_file {2 * GIB}\n'
    assert available_memory(system(tmp_path, '0::/job/step\n', **files, job__step__memory_dot_stat=stat)) == 5 * GIB


def test_a_limit_of_version_1_counts(tmp_path):
    files = {'memory__memory_dot_limit_in_bytes': str(4 * GIB), 'memory__memory_dot_usage_in_bytes': str(3 * GIB)}
    stat = f'inactive_file 1\ntotal_inactive_file {GIB}\n'
    groups = '4:memory:/docker/abc\n3:cpu:/docker/abc\n'
    assert available_memory(system(tmp_path, groups, **files, memory__memory_dot_stat=stat)) == 2 * GIB
