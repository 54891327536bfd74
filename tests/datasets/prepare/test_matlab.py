"""MATLAB files, old and new; test_nyu_source.py has what a wrong one of the published files is."""

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.prepare.matlab import lies_elsewhere, load_v5, open_v73, texts_v5, texts_v73, whole_numbers
from tests.datasets.prepare.conftest import write_matlab_v73


@pytest.fixture
def new(tmp_path):
    """A v7.3 file with an array and texts."""
    path = tmp_path / 'new.mat'
    write_matlab_v73(path, {'depths': np.arange(24.0).reshape(2, 3, 4)}, ['wall', 'Café ✓', 'x'])
    return path


@pytest.fixture
def old(tmp_path):
    """A function that writes a v5 file."""

    def write(**variables):
        savemat(tmp_path / 'old.mat', variables)
        return tmp_path / 'old.mat'

    return write


def test_new_files_give_arrays_with_axes_reversed_and_texts(new):
    with open_v73(new) as file:
        assert file['depths'].shape == (4, 3, 2)
        assert file['depths'][3, 2, 1] == 23
        assert texts_v73(file, 'names') == ['wall', 'Café ✓', 'x']
        with pytest.raises((OSError, ValueError)):
            file['depths'][0] = 0  # for reading alone


def test_a_text_in_another_file_is_refused(new, tmp_path):
    with h5py.File(tmp_path / 'other.h5', 'w') as other:
        other['text'] = np.array([[ord('x')]], np.uint16)
    with h5py.File(new, 'r+') as file:
        layout = h5py.VirtualLayout((1, 1), np.uint16)
        layout[:] = h5py.VirtualSource(tmp_path / 'other.h5', 'text', (1, 1))
        file['names'][0, 1] = file.create_virtual_dataset('virtual', layout).ref
    with open_v73(new) as file, pytest.raises(SourceError, match=r"new\.mat: a text of 'names' lies in another file"):
        texts_v73(file, 'names')


def test_arrays_that_lie_elsewhere_are_known(new, tmp_path):
    with h5py.File(tmp_path / 'other.h5', 'w') as other:
        other['x'] = np.zeros(3)
    with h5py.File(new, 'r+') as file:
        file['linked'] = h5py.ExternalLink(tmp_path / 'other.h5', 'x')
        file['soft'] = h5py.SoftLink('/depths')
        raw = [(str(tmp_path / 'raw'), 0, 24)]
        file.create_dataset('external', (3,), np.float64, external=raw)
        assert [lies_elsewhere(file, file[key]) for key in ('depths', 'soft', 'linked', 'external')] == [
            False, False, True, True,
        ]  # fmt: skip


@pytest.mark.parametrize(
    ('head', 'found'),
    [
        (b'', 'an empty file'),
        (b'  <!doctype html>', 'an HTML page, as servers send for an error'),
        (b'MATLAB 5.0 MAT-file', 'a MATLAB v5 file'),
        (b'\x00\x01\x02\x03\x04\x05\x06\x07\x08', r"a file that starts b'\x00\x01\x02\x03\x04\x05\x06\x07'"),
        (b'MATLAB 7.3 MAT-file', 'truncated or damaged at 19 bytes'),
        (b'\x89HDF\r\n\x1a\n', 'truncated or damaged at 8 bytes'),
    ],
)
def test_what_is_no_new_file(tmp_path, head, found):
    path = tmp_path / 'a.mat'
    path.write_bytes(head)
    with pytest.raises(SourceError) as refused:
        open_v73(path)
    assert str(refused.value).startswith(f'{path}: {found}')
    assert 'expected a whole MATLAB v7.3 (HDF5) file' in str(refused.value)


def test_old_files_give_their_variables(old):
    content = load_v5(old(a=np.array([[1, 2]]), names=np.array([['wall', 'floor']], object)), 'a', 'names')
    assert content['a'].tolist() == [[1, 2]]
    assert texts_v5(content['names']) == ['wall', 'floor']


def test_variables_that_an_old_file_lacks_are_named_with_those_it_holds(old):
    path = old(a=1, b=2)
    with pytest.raises(SourceError) as refused:
        load_v5(path, 'c', 'a', 'd')
    assert str(refused.value) == f"{path}: no variable 'c', 'd', it holds a, b"
    with pytest.raises(SourceError, match="no variable 'a', it holds nothing"):
        load_v5(old(), 'a')


def test_a_damaged_old_file_is_named_with_what_scipy_says(old, new):
    path = old(a=np.arange(1000))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(SourceError, match=r'old\.mat: a MATLAB v5 file, expected a whole MATLAB v5 file \(.+\)'):
        load_v5(path)
    with pytest.raises(SourceError, match=r'new\.mat: a MATLAB v7\.3 file, expected a whole MATLAB v5 file'):
        load_v5(new)


@pytest.mark.parametrize(
    'values', [np.array([[3], [1]], np.uint16), np.array([[3.0, 1.0]]), np.array([3, 1], np.int8), [[3], [1]]]
)
def test_whole_numbers_come_as_python_integers_in_their_order(tmp_path, values):
    found = whole_numbers(tmp_path, {'n': values}, 'n')
    assert found == [3, 1]
    assert {type(value) for value in found} == {int}


@pytest.mark.parametrize(
    ('values', 'dtype'),
    [([1.5], 'float64'), ([np.nan], 'float64'), ([np.inf, 1], 'float64'), (['a'], '<U1'), ([True], 'bool')],
)
def test_other_numbers_are_refused(tmp_path, values, dtype):
    with pytest.raises(SourceError) as refused:
        whole_numbers(tmp_path / 'a.mat', {'n': np.array(values)}, 'n')
    assert str(refused.value) == (
        f"{tmp_path / 'a.mat'}: 'n' holds {dtype} with other than whole numbers, expected integers"
    )
