"""Each way in which one of the three source files can be wrong, and the genuine small files."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from fdkd.datasets.nyu_depth_v2 import CLASSES
from fdkd.datasets.prepare.files import SourceError
from fdkd.datasets.prepare.nyu_source import open_sources, read_mapping, read_splits

OFFICIAL = Path(__file__).parents[4] / 'shared' / 'data' / 'nyu_depth_v2'
needs_official = pytest.mark.skipif(not OFFICIAL.is_dir(), reason='the genuine metadata files are not here')


def problems_of(files):
    """Everything that is said of the files, one problem an entry; empty if they open."""
    try:
        with open_sources(**files.sources):
            return []
    except SourceError as error:
        return error.problems


def rewrite(path, key, make):
    """Replaces one dataset of the labelled set by what ``make`` makes of it; deletes it for ``None``."""
    with h5py.File(path, 'r+') as file:
        new = make(file[key][()])
        del file[key]
        if new is not None:
            file[key] = new


def test_good_files_open_in_natural_axis_order(small_set):
    with open_sources(**small_set.sources) as (labeled, frames, mapping):
        np.testing.assert_array_equal(labeled.rgb(2), small_set.rgb[1])
        np.testing.assert_array_equal(labeled.depth(6), small_set.depth[5])
        np.testing.assert_array_equal(labeled.labels(1), small_set.labels[0])
        assert labeled.names == small_set.names
        assert frames == {'train': [2, 3, 5, 6], 'test': [1, 4]}
        assert mapping.table.tolist() == [0, *small_set.mapping['mapClass'].ravel().tolist()]


@pytest.mark.parametrize('role', ['mat', 'splits', 'mapping'])
@pytest.mark.parametrize(
    ('content', 'found'),
    [
        (b'', 'an empty file'),
        (b'\n<!DOCTYPE html><html>404</html>', 'an HTML page'),
        (b'PK\x03\x04 and so on', "a file that starts b'PK\\x03\\x04"),
    ],
)
def test_foreign_files_are_named(small_set, role, content, found):
    small_set.sources[role].write_bytes(content)
    version = 'v7.3 (HDF5)' if role == 'mat' else 'v5'
    (problem,) = problems_of(small_set)
    assert problem.startswith(f'{small_set.sources[role]}: {found}')
    assert f'expected a whole MATLAB {version} file' in problem
    assert 'is published at http' in problem


def test_old_and_new_matlab_files_in_each_others_place(small_set):
    sources = small_set.sources
    sources['mat'], sources['splits'] = sources['splits'], sources['mat']
    first, second = problems_of(small_set)
    assert 'splits.mat: a MATLAB v5 file, expected a whole MATLAB v7.3 (HDF5) file' in first
    assert 'mat.mat: a MATLAB v7.3 file, expected a whole MATLAB v5 file' in second


@pytest.mark.parametrize('kept', [100, 3000, -1])
def test_truncated_labelled_set(small_set, kept):
    path = small_set.sources['mat']
    path.write_bytes(path.read_bytes()[:kept])
    (problem,) = problems_of(small_set)
    assert f'mat.mat: truncated or damaged at {path.stat().st_size:,} bytes' in problem


@pytest.mark.parametrize('kept', [100, 200, -30])
def test_truncated_splits(small_set, kept):
    path = small_set.sources['splits']
    path.write_bytes(path.read_bytes()[:kept])
    (problem,) = problems_of(small_set)
    assert 'splits.mat: ' in problem
    assert 'splits.mat is published at http' in problem


@pytest.mark.parametrize(
    ('key', 'make', 'expected'),
    [
        ('depths', lambda _: None, "no dataset 'depths', it holds #refs#, images, labels, names"),
        ('images', lambda array: array.astype(np.float32), "'images' holds float32, expected uint8"),
        ('depths', lambda array: array.astype(np.float64), "'depths' holds float64, expected float32"),
        ('labels', lambda array: array.astype(np.uint8), "'labels' holds uint8, expected uint16"),
        ('names', lambda _: np.zeros((1, 12)), "'names' holds float64, expected a cell array of texts"),
        ('images', lambda array: array[:, 0], "'images' is (6, 64, 48), expected (frames, 3, width, height)"),
        ('images', lambda array: array[:, :1], "'images' is (6, 1, 64, 48), expected (frames, 3, width, height)"),
        (
            'depths',
            lambda array: array[:5],
            "'depths' is (5, 64, 48), expected (6, 64, 48) since 'images' is (6, 3, 64",
        ),
        ('labels', lambda array: array.transpose(0, 2, 1), "'labels' is (6, 48, 64), expected (6, 64, 48) since"),
        ('names', lambda array: array[:, :11], "'mapClass' maps 12 classes, expected 11, the 'names' of"),
    ],
)
def test_wrong_structure(small_set, key, make, expected):
    rewrite(small_set.sources['mat'], key, make)
    (problem,) = problems_of(small_set)
    assert expected in problem


def column(*frames):
    return np.array(frames, np.uint16)[:, None]


@pytest.mark.parametrize(
    ('train', 'test', 'expected'),
    [
        (column(2, 3, 5, 6), column(1, 4, 7), 'frame 7 outside 1..6, the frames of'),
        (column(0, 2, 3, 5), column(1, 4, 6), 'frame 0 outside 1..6'),
        (column(2, 3, 5, 6), column(1, 4, 5), "frame 5 more than once in 'trainNdxs' and 'testNdxs'"),
        (column(2, 3), column(1), "in neither 'trainNdxs' nor 'testNdxs'"),
        (column(), column(1, 2, 3, 4, 5, 6), "'trainNdxs' is empty"),
        (np.array([2.5, 3]), column(1), "'trainNdxs' holds float64 with other than whole numbers"),
        (np.array([np.inf, 3]), column(1), "'trainNdxs' holds float64 with other than whole numbers"),
    ],
)
def test_wrong_splits(small_set, train, test, expected):
    small_set.splits = {'trainNdxs': train, 'testNdxs': test}
    small_set.write()
    (problem,) = problems_of(small_set)
    assert expected in problem


def test_splits_may_be_floats(small_set):
    savemat(small_set.sources['splits'], {key: value.astype(float) for key, value in small_set.splits.items()})
    assert read_splits(small_set.sources['splits']) == {'train': [2, 3, 5, 6], 'test': [1, 4]}


def test_another_mat_file_for_the_splits(small_set):
    savemat(small_set.sources['splits'], {'trainSplit': column(1)})
    (problem,) = problems_of(small_set)
    assert "no variable 'trainNdxs', 'testNdxs', it holds trainSplit" in problem


def swapped(names, first, second):
    names = list(names)
    names[first], names[second] = names[second], names[first]
    return np.array([names], object)


@pytest.mark.parametrize(
    ('key', 'value', 'expected'),
    [
        ('mapClass', np.arange(11)[None] % 40 + 1, "'mapClass' maps 11 classes, expected 12, the 'names' of"),
        ('mapClass', np.array([[0, 41, *range(1, 11)]]), "'mapClass' holds [0, 41], expected 1..40"),
        ('className', np.array([CLASSES[:13]], object), "'className' holds 13 names, expected 40"),
        ('className', swapped(CLASSES, 0, 4), "'className' has 'chair' as class 1, expected 'wall'"),
        (
            'allClassName',
            swapped([f'thing {number}' for number in range(1, 13)], 2, 7),
            "'allClassName' has 2 classes at other numbers than 'names' of",
        ),
    ],
)
def test_wrong_mapping(small_set, key, value, expected):
    small_set.mapping[key] = value
    small_set.write()
    (problem,) = problems_of(small_set)
    assert expected in problem


def test_a_name_that_is_only_spelt_otherwise_does_no_harm(small_set):
    small_set.mapping['allClassName'][0, 3] = 'thing  4'
    small_set.write()
    assert problems_of(small_set) == []


def test_all_mistakes_are_listed_at_once(small_set):
    small_set.splits['testNdxs'] = column(1, 9)
    small_set.mapping['mapClass'] = small_set.mapping['mapClass'][:, :10]
    small_set.write()
    between = problems_of(small_set)
    assert [problem.partition(': ')[0] for problem in between] == [
        str(small_set.sources[role]) for role in ('splits', 'splits', 'mapping')
    ]
    rewrite(small_set.sources['mat'], 'depths', lambda array: array[:5].astype(np.float64))
    small_set.sources['mapping'].write_bytes(b'')
    together = [problem.partition(';')[0].partition(': ')[2] for problem in problems_of(small_set)]
    assert together[:2] == [
        "'depths' holds float64, expected float32",
        "'depths' is (5, 64, 48), expected (6, 64, 48) since 'images' is (6, 3, 64, 48)",
    ]
    assert together[2].startswith('an empty file, expected a whole MATLAB v5 file')


@needs_official
def test_official_splits_are_the_lists_beside_them():
    frames = read_splits(OFFICIAL / 'splits.mat')
    for split in ('train', 'test'):
        assert [f'{frame:04d}' for frame in frames[split]] == (OFFICIAL / f'{split}.txt').read_text().split()


@needs_official
def test_official_mapping_keeps_the_classes_that_have_their_own_name():
    mapping = read_mapping(OFFICIAL / 'classMapping40.mat')
    assert mapping.table[0] == 0
    assert len(mapping.table) == 895
    assert set(mapping.table[1:].tolist()) == set(range(1, 41))
    number_of = {name: number for number, name in enumerate(CLASSES, 1)}
    kept = {name: mapping.table[raw] for raw, name in enumerate(mapping.raw_names, 1) if name in number_of}
    assert len(kept) == 37  # all but the three 'other...' ones
    assert kept == {name: number_of[name] for name in kept}
    assert loadmat(OFFICIAL / 'classMapping40.mat')['mapClass'][0, 0] == mapping.table[1] == number_of['otherprop']
