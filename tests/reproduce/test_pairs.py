"""Pairs and methods of the repository's own configs."""

import pytest

from fdkd.errors import ConfigError
from fdkd.reproduce.pairs import Pair, find_pairs, methods
from fdkd.reproduce.runs import Run, Workshop
from tests.support.repository import REPOSITORY


@pytest.fixture(scope='module')
def workshop():
    return Workshop(REPOSITORY)


@pytest.fixture(scope='module')
def grid(workshop):
    return find_pairs(workshop, 'grid')


def test_who_learns_from_whom(grid):
    assert grid == [
        Pair(
            'grid', 'audio', 'visual', 'configs/unimodal/grid_audio.py', 'configs/unimodal/grid_visual.py',
            'noisy', 'visual', False, None, REPOSITORY,
        ),
        Pair(
            'grid', 'visual', 'audio', 'configs/unimodal/grid_visual.py', 'configs/unimodal/grid_clean_audio.py',
            'visual', 'audio', False, None, REPOSITORY,
        ),
    ]  # fmt: skip
    assert [pair.name for pair in grid] == ['grid_audio_from_visual', 'grid_visual_from_audio']
    assert [pair.column for pair in grid] == ['grid audio', 'grid visual']


@pytest.mark.parametrize(
    ('data', 'students', 'validation', 'projected'),
    [
        ('nyu', ['depth', 'rgb'], None, False),
        ('crisismmd', ['text', 'image'], 'dev', True),
        ('ave', ['audio', 'visual'], 'val', False),
    ],
)
def test_columns_stand_in_the_papers_order(workshop, data, students, validation, projected):
    pairs = find_pairs(workshop, data)
    assert [pair.student for pair in pairs] == students
    assert {(pair.validation, pair.projected) for pair in pairs} == {(validation, projected)}


def test_unknown_data_say_what_there_is(workshop):
    with pytest.raises(ConfigError, match=r'--data nuy: .* ave, cremad, crisismmd, grid, nyu, vggsound'):
        find_pairs(workshop, 'nuy')


def test_a_method_without_a_config_does_not_apply(grid):
    audio = grid[0]
    assert audio.config('fdkd') == 'configs/fdkd/grid_audio_from_visual.py'
    assert audio.config('cwd') is None
    assert audio.taught('cwd', 0) is None


def test_runs_of_a_pair(grid):
    audio = grid[0]
    assert audio.alone(2) == Run('configs/unimodal/grid_audio.py', 2)
    own = Run('configs/unimodal/grid_visual.py', 2)
    config = 'configs/feat/grid_audio_from_visual.py'
    assert audio.taught('feat', 2, ('a.b', 1)) == Run(config, 2, (('a.b', 1),), own)
    assert audio.taught('feat', 2, teacher='untrained') == Run(config, 2, (), 'untrained')


def test_methods_are_the_folders_that_have_the_pair(workshop, grid):
    found = methods(workshop, grid, ('fdkd', 'nothing', 'dkd'))
    assert found == [
        'fdkd', 'dkd', 'afd', 'c2kd', 'dist', 'dml', 'fam', 'feat', 'freekd', 'logit', 'nkd', 'ofd', 'pkd', 'reviewkd',
        'rkd',
    ]  # fmt: skip
