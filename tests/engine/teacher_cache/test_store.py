"""Rows on disk: right, or found to be wrong."""

import json
import os

import numpy as np
import pytest
import torch

from fdkd.engine.teacher_cache import store as module
from fdkd.engine.teacher_cache.layout import layout_of, pack
from fdkd.engine.teacher_cache.store import RowStore, UnusableError, check_room, full_size, size_text
from fdkd.errors import ConfigError, DataError

FEATURES = {'feat': torch.randn(3, 8, generator=torch.Generator().manual_seed(0)), 'logits': torch.ones(3, 2)}
LAYOUT = layout_of(FEATURES)
ROWS = pack(LAYOUT, FEATURES)
SLOTS = np.array([4, 0, 7])


@pytest.fixture
def folder(tmp_path):
    """Of a store with 10 slots, of which 4, 0 and 7 are written."""
    store = RowStore.create(tmp_path / 'key', LAYOUT, 10, {'weights': 'a'})
    store.write(SLOTS, ROWS)
    store.close()
    return tmp_path / 'key'


def opened(folder):
    return RowStore.open(folder, 10, {'weights': 'a'})


def test_rows_come_back_in_the_order_that_is_asked(folder):
    store = opened(folder)
    rows, right, damaged = store.read(np.array([7, 4, 0]))
    assert (right.tolist(), damaged, len(store)) == ([True] * 3, 0, 3)
    for found, written in zip(rows, ROWS, strict=True):
        assert np.array_equal(found.numpy(), written[[2, 0, 1]])


def test_a_slot_that_was_never_written_is_lacking(folder):
    _, right, damaged = opened(folder).read(np.array([4, 5, 0]))
    assert (right.tolist(), damaged) == ([True, False, True], 0)


@pytest.mark.parametrize('leaf', [0, 1])
def test_a_flipped_bit_is_found(folder, leaf):
    with (folder / f'leaf_{leaf}.bin').open('r+b') as file:
        file.seek(4 * LAYOUT[leaf].nbytes + 3)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    _, right, damaged = opened(folder).read(SLOTS)
    assert (right.tolist(), damaged) == ([False, True, True], 1)


def test_a_row_without_its_checksum_is_lacking_and_can_be_written_again(folder, monkeypatch):
    """A run that is killed between the two leaves such a row."""
    store, written = opened(folder), []
    monkeypatch.setattr(module, '_write', lambda file, array, offset: written.append((file, array, offset)))
    store.write(np.array([5]), [array[:1] for array in ROWS])
    monkeypatch.undo()
    for file, array, offset in written[:-1]:
        os.pwrite(file, array, offset)
    assert len(written) == 3
    assert store.read(np.array([5]))[1:] == (np.array([False]), 0)
    store.write(np.array([5]), [array[:1] for array in ROWS])
    assert store.read(np.array([5]))[1:] == (np.array([True]), 0)


def test_a_row_that_was_written_half_over_an_old_one_is_damaged(folder):
    store = opened(folder)
    os.pwrite(store._files[0], ROWS[0][2][:16], 4 * LAYOUT[0].nbytes)
    assert store.read(np.array([4]))[1:] == (np.array([False]), 1)


def test_what_one_process_writes_another_reads(folder):
    one, other = opened(folder), opened(folder)
    one.write(np.array([9]), [array[:1] for array in ROWS])
    rows, right, _ = other.read(np.array([9]))
    assert right.all()
    assert np.array_equal(rows[0].numpy()[0], ROWS[0][0])


def test_files_start_as_holes(tmp_path):
    store = RowStore.create(tmp_path / 'key', LAYOUT, 10**6, {})
    assert (tmp_path / 'key' / 'leaf_0.bin').stat().st_size == 32 * 10**6
    assert sum(path.stat().st_blocks for path in (tmp_path / 'key').iterdir()) * 512 < 10**5
    assert len(store) == 0


@pytest.mark.parametrize('name', ['leaf_0.bin', 'leaf_1.bin', 'checksums.bin'])
def test_a_file_that_was_cut_is_named(folder, name):
    os.truncate(folder / name, 40)
    with pytest.raises(UnusableError, match=f'{name} has 40 bytes, expected'):
        opened(folder)
    (folder / name).unlink()
    with pytest.raises(UnusableError, match=f'{name} has 0 bytes, expected'):
        opened(folder)


@pytest.mark.parametrize('text', ['', '{"slots": 10', '[]', '{"slots": 10, "leaves": [{}], "belongs": {}}', '\x00'])
def test_a_damaged_header_is_refused(folder, text):
    (folder / 'header.json').write_text(text)
    with pytest.raises(UnusableError, match=r'header\.json cannot be read'):
        opened(folder)


def test_a_folder_that_was_not_finished_is_refused(folder):
    (folder / 'header.json').unlink()
    with pytest.raises(UnusableError, match=r'header\.json cannot be read \(FileNotFoundError'):
        opened(folder)


def test_a_header_that_belongs_to_something_else_says_in_what(folder):
    with pytest.raises(UnusableError, match=r'is of another slots, weights, taps$'):
        RowStore.open(folder, 11, {'weights': 'b', 'taps': 'c'})


def test_rows_are_wrong_under_a_header_that_gives_them_another_shape(folder):
    header = json.loads((folder / 'header.json').read_text())
    header['leaves'][0]['shape'], header['leaves'][0]['order'] = [2, 4], [0, 1]
    (folder / 'header.json').write_text(json.dumps(header))
    assert opened(folder).read(SLOTS)[2] == 3


@pytest.mark.parametrize('written', [0, 5])
def test_a_full_disk_is_reported(folder, monkeypatch, written):
    def full(file, array, offset):
        if not written:
            raise OSError(28, 'No space left on device')
        return written

    monkeypatch.setattr(os, 'pwrite', full)
    with pytest.raises(DataError, match=r'cannot keep .* No space left .* free space'):
        opened(folder).write(SLOTS, ROWS)


def test_the_size_when_full_is_that_of_all_rows():
    assert full_size(LAYOUT, 1000) == 1000 * (8 + 2) * 4
    assert (size_text(3 * 2**29), size_text(2**19)) == ('1.50 GiB', '0.50 MiB')


def test_more_than_the_limit_is_refused_with_the_size_and_the_option(tmp_path):
    message = r'take 1\.06 GiB \(27,000,000 rows of 42 bytes.*feat \[8\].*limit of 1 GiB.*teacher_cache\.max_gb=2'
    layout = layout_of({'feat': torch.ones(1, 8), 'logits': torch.ones(1, 5, dtype=torch.bfloat16)})
    with pytest.raises(ConfigError, match=message):
        check_room(tmp_path / 'key', layout, 27_000_000, 0, 1.0)


def test_what_is_there_needs_no_more_room_on_disk(tmp_path, monkeypatch):
    free = type('Usage', (), {'free': 3 * 2**20})
    monkeypatch.setattr(module.shutil, 'disk_usage', lambda folder: free)
    check_room(tmp_path / 'key', LAYOUT, 10**5, 50_000, 1.0)
    with pytest.raises(ConfigError, match=r'the disk has 3\.00 MiB left'):
        check_room(tmp_path / 'key', LAYOUT, 10**5, 0, 1.0)
