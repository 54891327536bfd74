"""Checkpoints: whole or not at all, and nothing in them runs."""

import errno
import os
import pickle
import zipfile

import pytest
import torch
from torch import nn

from fdkd.checkpoint import load_weights, read_checkpoint, read_meta, write_checkpoint
from fdkd.errors import CheckpointError, DamagedCheckpointError


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_round_trip(tmp_path):
    checkpoint = {
        'state_dict': {'a': torch.randn(3, 2), 'b': torch.arange(4)},
        'meta': {'epoch': 3, 'classes': ['wall', 'floor'], 'seed': None},
    }
    write_checkpoint(checkpoint, tmp_path / 'a.pth')
    loaded = read_checkpoint(tmp_path / 'a.pth')
    assert loaded['meta'] == checkpoint['meta']
    assert all(torch.equal(loaded['state_dict'][name], checkpoint['state_dict'][name]) for name in 'ab')
    assert loaded['state_dict']['b'].dtype == torch.int64
    assert [path.name for path in tmp_path.iterdir()] == ['a.pth']


def test_writing_replaces_the_old_file(tmp_path):
    for value in (1, 2):
        write_checkpoint({'value': value}, str(tmp_path / 'a.pth'))
    assert read_checkpoint(str(tmp_path / 'a.pth')) == {'value': 2}


@pytest.mark.parametrize('old', [{'value': 1}, None])
def test_a_failing_save_leaves_the_old_file_and_no_half_one(tmp_path, monkeypatch, old):
    path = tmp_path / 'a.pth'
    if old:
        write_checkpoint(old, path)

    def disk_full(checkpoint, file):
        file.write(b'PK\x03\x04 the first half')
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(torch, 'save', disk_full)
    with pytest.raises(OSError, match='No space left'):
        write_checkpoint({'value': 2}, path)
    assert not list(tmp_path.glob('*.partial'))  # which would keep the disk full
    monkeypatch.undo()
    if old:
        assert read_checkpoint(path) == old
    assert path.exists() == (old is not None)
    write_checkpoint({'value': 3}, path)
    assert read_checkpoint(path) == {'value': 3}


def test_a_missing_file_is_named(tmp_path):
    for path in (tmp_path / 'none.pth', tmp_path):
        with pytest.raises(CheckpointError, match=f'{path.name}: no such checkpoint'):
            read_checkpoint(path)


DAMAGED = {
    'empty': b'',
    'text': b'these are notes\nand no weights\n',
    'html': b'<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n',
    'pointer': b'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\nsize 12345\n',
    'archive': b'PK\x03\x04' + bytes(range(200)),
    'pickle': pickle.dumps({'a': 1}),
}


@pytest.mark.parametrize('unsafe', [False, True])
@pytest.mark.parametrize('kind', DAMAGED)
@pytest.mark.filterwarnings('ignore:Detected pickle protocol')
def test_what_is_no_checkpoint_is_refused(tmp_path, kind, unsafe):
    path = tmp_path / 'a.pth'
    path.write_bytes(DAMAGED[kind])
    with pytest.raises(DamagedCheckpointError, match=r'a.pth: not a checkpoint, or a damaged one') as caught:
        read_checkpoint(path, unsafe=unsafe)
    assert len(str(caught.value)) < len(str(path)) + 200  # not torch's page of advice
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('unsafe', [False, True])
@pytest.mark.parametrize('zipped', [True, False])
def test_truncated_files_are_refused(tmp_path, zipped, unsafe):
    path = tmp_path / 'a.pth'
    # where the old format ends within a name, torch refuses the rest of the name
    message = 'not a checkpoint, or a damaged one' if zipped or unsafe else 'not a checkpoint|refused'
    torch.save({'weight': torch.ones(100)}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for size in range(0, len(whole) - 1, len(whole) // 25):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=f'a.pth: ({message})'):
            read_checkpoint(path, unsafe=unsafe)


def records(path):
    """Where the bytes of each record lie in a checkpoint: name, start and end."""
    with zipfile.ZipFile(path) as archive, path.open('rb') as file:
        for entry in archive.infolist():
            file.seek(entry.header_offset + 26)
            name, extra = (int.from_bytes(file.read(2), 'little') for _ in range(2))
            start = entry.header_offset + 30 + name + extra
            yield entry.filename, start, start + entry.file_size


@pytest.mark.parametrize('unsafe', [False, True])
def test_a_flipped_byte_in_any_record_is_found(tmp_path, unsafe):
    path = tmp_path / 'a.pth'
    write_checkpoint({'state_dict': {'a': torch.arange(6.0), 'b': torch.ones(2)}, 'meta': {'epoch': 3}}, path)
    whole = path.read_bytes()
    for name, start, end in records(path):
        for place in range(start, end, 1 + (end - start) // 9):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
            with pytest.raises(DamagedCheckpointError, match=f'a.pth: damaged: record {name} does not match its check'):
                read_checkpoint(path, unsafe=unsafe)


def test_a_flipped_byte_elsewhere_is_found_or_does_no_harm(tmp_path):
    path, weights = tmp_path / 'a.pth', {'a': torch.arange(6.0), 'b': torch.ones(2)}
    write_checkpoint({'state_dict': weights, 'meta': {'epoch': 3}}, path)
    whole, found = path.read_bytes(), 0
    inside = {place for _, start, end in records(path) for place in range(start, end)}
    outside = [place for place in range(len(whole)) if place not in inside]
    for place in outside[::3]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x01]) + whole[place + 1 :])
        try:
            loaded = read_checkpoint(path)
        except CheckpointError:
            found += 1
        else:
            assert loaded['meta'] == {'epoch': 3}
            assert all(torch.equal(loaded['state_dict'][name], x) for name, x in weights.items())
    assert 0 < found < len(outside)


def test_a_file_without_checksums_is_read(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({'a': 1}, tmp_path / 'a.pth')
    finally:
        torch.serialization.set_crc32_options(True)
    assert read_checkpoint(tmp_path / 'a.pth') == {'a': 1}


@pytest.mark.filterwarnings('ignore:Detected pickle protocol')
def test_random_bytes_raise_one_kind_of_error(tmp_path):
    generator = torch.Generator().manual_seed(0)
    for size in [*range(1, 60)] * 4:
        path = tmp_path / 'a.pth'
        path.write_bytes(bytes(torch.randint(0, 256, (size,), generator=generator).tolist()))
        with pytest.raises(CheckpointError, match='not a checkpoint, or a damaged one'):
            read_checkpoint(path)


def test_what_a_checkpoint_says_of_itself_is_read_without_its_tensors(tmp_path):
    path = tmp_path / 'a.pth'
    write_checkpoint({'meta': {'iter': 3}, 'weights': torch.arange(4.0)}, path)
    assert read_meta(path) == {'iter': 3}
    data = bytearray(path.read_bytes())
    data[data.index(torch.arange(4.0).numpy().tobytes())] ^= 1
    path.write_bytes(data)
    assert read_meta(path) == {'iter': 3}
    data[data.index(b'iter')] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedCheckpointError, match=r'a.pth: damaged: record .*data.pkl does not match its checksum'):
        read_meta(path)
    with pytest.raises(CheckpointError, match='no such checkpoint'):
        read_meta(tmp_path / 'none.pth')
    for content in ({'weights': torch.ones(1)}, {'meta': [3]}):
        torch.save(content, path)
        with pytest.raises(CheckpointError, match=r'a.pth: says nothing of itself'):
            read_meta(path)
    torch.save({'meta': torch.nn.Linear(1, 1)}, path)
    with pytest.raises(CheckpointError, match=r'a.pth: refused, since it holds objects that would run code'):
        read_meta(path)
    torch.save({'meta': {'iter': 3}}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(DamagedCheckpointError):
        read_meta(path)


@pytest.mark.parametrize('zipped', [True, False])
def test_an_object_that_would_run_code_is_refused_by_name(tmp_path, zipped):
    path, trace = tmp_path / 'a.pth', tmp_path / 'trace'
    checkpoint = {'state_dict': {'a': torch.ones(1)}, 'extra': Trap(trace)}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        CheckpointError, match=r'a.pth: refused, .* run code \((posix|nt).mkdir\). Pass --unsafe-checkpoint'
    ):
        read_checkpoint(path)
    assert not trace.exists()
    assert torch.equal(read_checkpoint(path, unsafe=True)['state_dict']['a'], torch.ones(1))
    assert trace.exists()


def test_a_whole_module_is_refused_by_name(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r'\(torch.nn.modules.linear.Linear\)'):
        read_checkpoint(tmp_path / 'a.pth')


def test_what_is_no_dictionary_is_refused(tmp_path):
    torch.save([torch.ones(1)], tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r'a.pth: holds a list, expected a dictionary of weights'):
        read_checkpoint(tmp_path / 'a.pth')


def test_weights_that_fit_are_loaded():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    weights = {name: torch.full_like(value, 5) for name, value in model.state_dict().items()}
    load_weights(model, weights, 'a.pth')
    assert all((value == 5).all() for value in model.state_dict().values())


def test_misfits_are_counted_and_the_first_ones_named():
    model = nn.Linear(2, 3)
    before = model.weight.clone()
    with pytest.raises(CheckpointError) as caught:
        load_weights(model, {'weight': torch.zeros(3, 4), 'scale': torch.zeros(1), 'shift': torch.zeros(1)}, 'a.pth')
    assert str(caught.value) == (
        'a.pth: does not fit Linear in 4 of 4 entries: weight has the shape (3, 4), expected (3, 2); '
        'bias is missing; scale is unknown; ...'
    )
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize(
    ('weights', 'message'),
    [
        ({'weight': torch.zeros(3, 2)}, 'in 1 of 2 entries: bias is missing'),
        ({'weight': torch.zeros(3, 2), 'bias': torch.zeros(3), 'c': torch.zeros(1)}, 'in 1 of 3 entries: c is unknown'),
    ],
)
def test_one_misfit_is_enough(weights, message):
    with pytest.raises(CheckpointError, match=f'{message}$'):
        load_weights(nn.Linear(2, 3), weights, 'a.pth')
