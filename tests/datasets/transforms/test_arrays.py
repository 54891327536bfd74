"""Arrays arrive in float32 with a channel, and what is no array of numbers is refused."""

import numpy as np
import pytest

from fdkd.datasets.transforms import LoadArray
from fdkd.datasets.transforms.arrays import laid_out, read_array
from fdkd.errors import DataError


def load(path):
    return LoadArray('imu')({'sample_id': 'a', 'imu': str(path)})['imu']


def refuse(path, message):
    with pytest.raises(DataError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f'{path}: ')


@pytest.mark.parametrize('dtype', [np.float64, np.float16, np.int16, np.uint8, bool])
@pytest.mark.parametrize(('shape', 'expected'), [((2, 3), (1, 2, 3)), ((2, 3, 4), (2, 3, 4)), ((6,), (6,))])
def test_values_and_shapes(tmp_path, dtype, shape, expected):
    stored = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    np.save(tmp_path / 'a.npy', stored)
    found = load(tmp_path / 'a.npy')
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, stored.astype(float).reshape(expected))


def test_a_header_shows_the_shape_without_the_values(tmp_path):
    np.save(tmp_path / 'a.npy', np.ones((2, 3)))
    array = laid_out(read_array(tmp_path / 'a.npy', mapped=True), 'a')
    assert isinstance(array, np.memmap)
    assert array.shape == (1, 2, 3)


@pytest.mark.parametrize(
    ('array', 'message'),
    [
        (np.array([[1, np.nan], [np.inf, 2]]), '2 of 4 values are not finite'),
        (np.array([1e300]), '1 of 1 values are not finite in float32'),
        (np.zeros((0, 3)), r'the shape is \(0, 3\)'),
        (np.array(3.0), r'the shape is \(\)'),
        (np.array(['a']), '<U1, expected one array of real numbers'),
        (np.array([1j]), 'complex128, expected one array of real numbers'),
        (np.array([{}, None]), 'not a readable .npy file of numbers'),
    ],
)
def test_unsuitable_arrays_are_refused(tmp_path, array, message):
    np.save(tmp_path / 'a.npy', array)
    refuse(tmp_path / 'a.npy', message)


@pytest.mark.parametrize('share', [0, 0.03, 0.6])
def test_truncated_files_are_refused(tmp_path, share):
    np.save(tmp_path / 'a.npy', np.ones((30, 30)))
    data = (tmp_path / 'a.npy').read_bytes()
    (tmp_path / 'a.npy').write_bytes(data[: int(share * len(data))])
    refuse(tmp_path / 'a.npy', 'not a readable .npy file')


@pytest.mark.parametrize('data', [b'PK', b'PK\x03\x04' + b'x' * 50, b'PK\x05\x06'])
def test_damaged_archives_are_refused(tmp_path, data):
    (tmp_path / 'a.npy').write_bytes(data)
    refuse(tmp_path / 'a.npy', 'not a readable .npy file')


def test_archives_and_absent_files_are_refused(tmp_path):
    refuse(tmp_path / 'a.npz', 'no such file')
    np.savez(tmp_path / 'a.npz', a=np.ones(3))
    refuse(tmp_path / 'a.npz', 'an archive of several arrays')


@pytest.mark.parametrize(
    'header',
    [
        "'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",  # NumPy's second try ends in a TokenError
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,)}",
        "{'descr': [('a', '<f4', (1000000000,))], 'fortran_order': False, 'shape': (1,)}",
        '{' * 900,
    ],
)
def test_headers_that_are_none_are_refused(tmp_path, header):
    text = header.encode()
    (tmp_path / 'a.npy').write_bytes(b'\x93NUMPY\1\0' + len(text).to_bytes(2, 'little') + text + bytes(24))
    refuse(tmp_path / 'a.npy', 'not a readable .npy file of numbers')
