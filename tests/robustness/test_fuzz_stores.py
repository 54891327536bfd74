"""Checkpoints and caches with any damage: what was written, or not used."""

import copy
import io
import zipfile
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fdkd.algorithms.teacher import checked_weights
from fdkd.apis.teacher import _finished
from fdkd.checkpoint import load_weights, read_checkpoint, write_checkpoint
from fdkd.datasets.encoding import encode
from fdkd.datasets.stores import _HEAD, _KIND, DiskStore
from fdkd.engine.teacher_cache.layout import layout_of, pack
from fdkd.engine.teacher_cache.store import RowStore, UnusableError
from fdkd.errors import DamagedCheckpointError
from fdkd.models.imagenet import ImageNetInit
from fdkd.registry import MODELS
from tests.support.fuzzing import REFUSED, TRIED, odd_json, right_or_refused, spoilt, tries

pytestmark = pytest.mark.usefixtures('bounded')

WEIGHTS = {
    'state_dict': nn.Linear(3, 2).state_dict()
    | {'steps': torch.tensor(7), 'half': torch.ones(2, dtype=torch.bfloat16)},
    'meta': {'epoch': 3, 'classes': ['cat', 'dog'], 'config_hash': 'abc', 'scale': 0.5, 'none': None},
}


def saved(zipped):
    buffer = io.BytesIO()
    torch.save(WEIGHTS, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


WHOLE = {True: saved(True), False: saved(False)}


def read(path, name):
    found = right_or_refused(name, lambda: read_checkpoint(path), path)
    if found is not REFUSED:
        assert isinstance(found, dict)
    return found


def same(found):
    weights = found.get('state_dict', {})
    return (
        found.get('meta') == WEIGHTS['meta']
        and weights.keys() == WEIGHTS['state_dict'].keys()
        and all(torch.equal(weights[name], value) for name, value in WEIGHTS['state_dict'].items())
    )


@tries(80)
@given(content=spoilt(st.just(WHOLE[True]), len(WHOLE[True])))
def test_a_damaged_checkpoint_is_refused_or_whole(tmp_path, content):
    path = tmp_path / 'epoch_1.pth'
    path.write_bytes(content)
    found = read(path, 'read_checkpoint, mutated')
    assert found is REFUSED or same(found)


@tries(80)
@given(
    content=spoilt(st.just(WHOLE[False]), len(WHOLE[False]))
    | st.binary(max_size=60)
    | st.binary(max_size=40).map(lambda text: b'\x80\x02' + text)
    | st.binary(max_size=40).map(lambda text: b'PK\3\4' + text)
)
def test_a_damaged_checkpoint_of_the_old_format_is_refused_or_a_dictionary(tmp_path, content):
    path = tmp_path / 'old.pth'
    path.write_bytes(content)
    read(path, 'read_checkpoint, old format and any bytes')


@tries(60)
@given(order=st.permutations(range(len(zipfile.ZipFile(io.BytesIO(WHOLE[True])).namelist()))), packed=st.booleans(),
       left_out=st.integers(0, 3), data=st.data())  # fmt: skip
def test_exchanged_records_are_refused_or_weights(tmp_path, order, packed, left_out, data):
    path = tmp_path / 'exchanged.pth'
    with zipfile.ZipFile(io.BytesIO(WHOLE[True])) as whole:
        names = whole.namelist()
        records = [whole.read(name) for name in names]
    if data.draw(st.booleans()):
        records[0] = data.draw(spoilt(st.just(records[0]), len(records[0])))
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as exchanged:
        for name, place in list(zip(names, order, strict=True))[left_out:]:
            exchanged.writestr(name, records[place])
    read(path, 'read_checkpoint, exchanged records')


@pytest.mark.parametrize('bomb', ['packed', 'overlapping'])
def test_an_archive_that_unfolds_to_more_than_its_size_is_refused(tmp_path, bomb):
    """A record of 4 MB could become gigabytes, or all records could lie in the same place."""
    path = tmp_path / 'bomb.pth'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED if bomb == 'packed' else zipfile.ZIP_STORED) as archive:
        with zipfile.ZipFile(io.BytesIO(WHOLE[True])) as whole:
            for name in whole.namelist():
                archive.writestr(name, whole.read(name) + bytes(2**16 if name.endswith('data.pkl') else 0))
        if bomb == 'overlapping':
            pickled = next(record for record in archive.infolist() if record.filename.endswith('data.pkl'))
            for number in range(5):
                again = copy.copy(pickled)
                again.filename = again.orig_filename = f'archive/data/{number + 100}'
                archive.filelist.append(again)
    with pytest.raises(DamagedCheckpointError, match=r'bomb.pth.*larger than the file'):
        read_checkpoint(path)


LEAF = st.none() | st.integers() | st.text(max_size=3) | st.just(torch.ones(2, 3))
NAMED = st.sampled_from(['state_dict', 'meta', 'weight', 'bias', 'classes', 'modality', 'finished', 3])


@tries(40)
@given(value=st.recursive(LEAF, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMED, inner, max_size=3),
       max_leaves=4))  # fmt: skip
def test_a_checkpoint_of_anything_is_loaded_or_refused(tmp_path, value):
    path = tmp_path / 'any.pth'
    torch.save(value, path)
    found = read(path, 'read_checkpoint, any value')
    if found is not REFUSED:
        right_or_refused('load_weights', lambda: load_weights(nn.Linear(3, 2), found, path), path)


def test_a_written_checkpoint_is_read(tmp_path):
    write_checkpoint(WEIGHTS, tmp_path / 'a.pth')
    assert same(read_checkpoint(tmp_path / 'a.pth'))


KEPT = {'image': np.arange(6, dtype=np.uint8).reshape(2, 3), 'label': 3, 'text': 'é', 'rest': [1.5, None, (True,)]}


@tries(80)
@given(data=st.data(), forged=st.booleans())
def test_a_damaged_result_is_not_used(tmp_path, data, forged):
    """Also where someone gave it the right checksum."""

    store = DiskStore(tmp_path)
    store.put('abcd', KEPT)
    (path,) = tmp_path.glob('*/*.bin')
    whole = path.read_bytes()
    if forged:
        body = data.draw(spoilt(st.just(encode(KEPT)), 200) | st.binary(max_size=20))
        content = _HEAD.pack(_KIND, zlib.crc32(body)) + body
    else:
        content = data.draw(spoilt(st.just(whole), len(whole)))
    path.write_bytes(content)
    TRIED['DiskStore.get'][0] += 1
    found = store.get('abcd')
    if not forged:
        assert found is None or content == whole
    elif found is None:
        TRIED['DiskStore.get'][1] += 1


FEATURES = {
    'feat': torch.arange(6.0).reshape(3, 2),
    'maps': [torch.ones(3, 1, 2), torch.zeros(3, 1, dtype=torch.bfloat16)],
}
LAYOUT = layout_of(FEATURES)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A folder with three rows, and its header."""
    store = RowStore.create(tmp_path / 'key', LAYOUT, 3, {'weights': 'a', 'taps': ['feat']})
    store.write(np.arange(3), pack(LAYOUT, FEATURES))
    store.close()
    return tmp_path / 'key', (tmp_path / 'key' / 'header.json').read_bytes()


@tries(120)
@given(data=st.data())
def test_a_damaged_header_is_unusable_or_its_rows_are_right(cache, data):
    folder, header = cache
    content = data.draw(odd_json(header) | spoilt(st.just(header), len(header)) | st.just(b'[' * 9000))
    (folder / 'header.json').write_bytes(content)
    TRIED['RowStore.open'][0] += 1
    try:
        store = RowStore.open(folder, 3, {'weights': 'a', 'taps': ['feat']})
    except UnusableError:
        TRIED['RowStore.open'][1] += 1
        return
    rows, right, _ = store.read(np.arange(3))
    store.close()
    if store.layout == LAYOUT and right.any():
        expected = pack(LAYOUT, FEATURES)
        for found, written in zip(rows, expected, strict=True):
            assert np.array_equal(found.numpy()[right], written[right])


@tries(40)
@given(data=st.data())
def test_damaged_rows_are_found(cache, data):
    folder, _ = cache
    path = data.draw(st.sampled_from(sorted(folder.glob('*.bin'))))
    before = path.read_bytes()
    path.write_bytes(data.draw(spoilt(st.just(before), len(before))))
    TRIED['RowStore.read'][0] += 1
    try:
        store = RowStore.open(folder, 3, {'weights': 'a', 'taps': ['feat']})
        rows, right, _ = store.read(np.arange(3))
        store.close()
        for found, written in zip(rows, pack(LAYOUT, FEATURES), strict=True):
            assert np.array_equal(found.numpy()[right], written[right])
    except UnusableError:
        TRIED['RowStore.read'][1] += 1
    finally:
        path.write_bytes(before)


@pytest.fixture(scope='module')
def backbone():
    return MODELS.build({'type': 'mmseg.ResNet', 'depth': 18, 'base_channels': 1, 'stem_channels': 1})


@tries(40)
@given(value=st.dictionaries(NAMED, st.recursive(LEAF, lambda inner: st.dictionaries(NAMED, inner, max_size=2),
       max_leaves=3), max_size=3))  # fmt: skip
def test_weights_of_any_kind_are_taken_or_refused_by_those_who_load_them(tmp_path, backbone, value):
    path = tmp_path / 'student.pth'
    torch.save(value, path)
    right_or_refused('teacher', lambda: checked_weights(path, 'image', 3), path)
    assert right_or_refused('finished teacher', lambda: _finished(tmp_path, 'hash'), path) is None
    right_or_refused('ImageNetInit', lambda: ImageNetInit('resnet18', str(path))(backbone), path)
