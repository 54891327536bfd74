"""Which kinds of arguments can be meant, for a data set that a table describes."""

import os
from pathlib import Path

import numpy as np
import pytest

from fdkd.datasets.paired_types import check_types
from fdkd.errors import ConfigError


@pytest.mark.parametrize(
    'given',
    [
        {},
        {'data_root': 'data', 'annotations': Path('list.csv')},
        {'classes': ('sit', 3)},  # a number, as a label of a table may be
        {'classes': {'sit': 0}.keys(), 'splits': {'train'}},
        {'columns': None, 'merge': None, 'optional': ()},
        {'columns': ['id', 'label'], 'merge': {'kitten': 'cat'}, 'optional': ['imu']},
        {'merge': {}, 'validation': 0},
        {'validation': np.float32(0.1)},
    ],
    ids=str,
)
def test_kinds_that_can_be_meant(given):
    check_types('MyData', given)


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ({'data_root': None}, 'a folder'),
        ({'data_root': ['a', 'b']}, 'a folder'),
        ({'annotations': 3}, "a file's name"),
        ({'classes': {'sit': 0, 'walk': 1}}, 'a list of names'),  # a table from name to number, as other toolboxes take
        ({'classes': b'sit'}, 'a list of names'),
        ({'classes': ['sit', 0.5]}, 'a list of names'),
        ({'classes': 3}, 'a list of names'),
        ({'splits': []}, 'a list of names, that of training first'),
        ({'splits': ['train', 1]}, 'a list of names, that of training first'),
        ({'columns': 'id,label'}, 'a list of names, or None'),
        ({'merge': [('kitten', 'cat')]}, "a class's name by label"),
        ({'merge': {3: 'cat'}}, "a class's name by label"),
        ({'merge': {'cat': ['kitten']}}, "a class's name by label"),
        ({'validation': None}, 'a share from 0 to below 1'),
        ({'validation': '0.1'}, 'a share from 0 to below 1'),
        ({'optional': 'imu'}, 'a list of modalities'),
        ({'optional': None}, 'a list of modalities'),
    ],
    ids=str,
)
def test_others_are_refused_with_name_value_and_what_was_expected(given, expected):
    [(argument, value)] = given.items()
    with pytest.raises(ConfigError) as refused:
        check_types('MyData', given)
    assert str(refused.value) == f'MyData: {argument}={value!r}, expected {expected}'


def test_the_first_of_several_is_told():
    given = {'data_root': os.curdir, 'optional': 3, 'classes': 3}
    with pytest.raises(ConfigError, match=r'^MyData: optional=3'):
        check_types('MyData', given)
