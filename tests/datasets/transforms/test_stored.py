"""Stored features: what is read, in which order, and what is refused."""

import io
import zipfile

import numpy as np
import pytest

from fdkd.datasets.transforms import LoadFeatures
from fdkd.errors import ConfigError, DataError

TAPS = dict(feat=(4,), map=(2, 3, 2), logits=(3,))


@pytest.fixture(scope='module')
def arrays():
    generator = np.random.default_rng(0)
    return {name: generator.normal(size=shape).astype(np.float16) for name, shape in TAPS.items()}


def read(path, **taps):
    step = LoadFeatures('features', taps or TAPS)
    results = step({'sample_id': 'a', 'features': str(path)})
    return results['features']


def test_all_taps_come_in_a_row_in_the_order_of_the_config(arrays, tmp_path):
    np.savez(tmp_path / 'a.npz', other=np.arange(2), **dict(reversed(arrays.items())))
    values = read(tmp_path / 'a.npz')
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.concatenate([arrays[name].ravel() for name in TAPS]).astype(np.float32))
    np.testing.assert_array_equal(read(tmp_path / 'a.npz', logits=(3,)), arrays['logits'].astype(np.float32))


def test_a_single_tap_may_be_an_array_alone(arrays, tmp_path):
    np.save(tmp_path / 'a.npy', arrays['map'])
    np.testing.assert_array_equal(read(tmp_path / 'a.npy', map=(2, 3, 2)), arrays['map'].ravel().astype(np.float32))
    with pytest.raises(DataError, match=r'a.npy: one array, expected an .npz with feat, logits'):
        read(tmp_path / 'a.npy', feat=(4,), logits=(3,))


def test_a_sample_without_the_modality_passes():
    assert LoadFeatures('features', TAPS)({'sample_id': 'a'}) == {'sample_id': 'a'}


@pytest.mark.parametrize('shape', [(5,), (4, 1), (1, 4), ()])
def test_another_shape_is_refused_with_file_and_shapes(tmp_path, shape):
    np.savez(tmp_path / 'a.npz', feat=np.zeros(shape))
    with pytest.raises(
        DataError, match=r'a.npz: feat has the shape \(.*\), expected \(4,\) as taps.feat says'
    ) as caught:
        read(tmp_path / 'a.npz', feat=(4,))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        ([1, np.nan], r'a.npz: feat: 1 of 2 values are not finite'),
        ([1e39, 0], r'a.npz: feat: 1 of 2 values are not finite in float32'),
        ([1j, 0], r'a.npz: feat: complex128, expected one array of real numbers'),
        (['a', 'b'], r'a.npz: feat: <U1, expected'),
        (np.array([{}, 1], object), r'a.npz: not a readable .npy or .npz file of numbers \(Object arrays cannot be'),
    ],
)
def test_other_than_finite_real_numbers_is_refused(tmp_path, value, message):
    np.savez(tmp_path / 'a.npz', feat=value)
    with pytest.raises(DataError, match=message):
        read(tmp_path / 'a.npz', feat=(2,))


def test_what_unpacks_to_far_more_than_its_taps_is_refused_before(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / 'a.npz', feat=np.zeros(2**18), other=np.zeros(2**18))
    monkeypatch.setattr(np.lib.npyio.NpzFile, '__getitem__', lambda *_: pytest.fail('it is unpacked'))
    with pytest.raises(
        DataError, match=r'a.npz: not a readable .* \(feat.npy unpacks to 2,097,280 bytes, too many for'
    ):
        read(tmp_path / 'a.npz', feat=(4,))


def test_an_absent_tap_is_named_beside_those_that_are_there(arrays, tmp_path):
    np.savez(tmp_path / 'a.npz', feat=arrays['feat'], embedding=arrays['map'])
    with pytest.raises(DataError, match=r'a.npz: the arrays feat, embedding, expected an .npz with map, logits'):
        read(tmp_path / 'a.npz')


def test_absent_and_damaged_files_are_named(arrays, tmp_path):
    with pytest.raises(DataError, match=r'a.npz: no such file'):
        read(tmp_path / 'a.npz')
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    whole = packed.getvalue()
    with zipfile.ZipFile(tmp_path / 'empty.npz', 'w'):
        pass
    torn = {
        'cut': whole[: len(whole) // 2],
        'none': b'',
        'text': b'no numbers',
        'hit': whole.replace(b'\x93NUMPY', b''),
    }
    for name, content in torn.items():
        (tmp_path / f'{name}.npz').write_bytes(content)
        with pytest.raises(DataError, match=f'{name}.npz: not a readable'):
            read(tmp_path / f'{name}.npz')
    with pytest.raises(DataError, match=r'empty.npz: the arrays none, expected'):
        read(tmp_path / 'empty.npz')


@pytest.mark.parametrize(
    'taps',
    [
        *({}, None, 512, ['feat'], {'feat': 512}, {'feat': ()}, {'feat': (0,)}, {'feat': (2.0,)}, {'feat': 'ab'}),
        *({'layer.4': (3,)}, {3: (3,)}),
    ],
)
def test_what_states_no_shapes_is_refused(taps):
    with pytest.raises(ConfigError, match='expected the shape of each by its name'):
        LoadFeatures('features', taps)
