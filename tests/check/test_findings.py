"""What a check collects."""

import pytest

from fdkd.check.findings import Findings
from fdkd.errors import ConfigError


def test_mistakes_and_notes_are_entered_once():
    found = Findings('a.py')
    for _ in range(2):
        found.mistake('wrong')
        found.note('absent')
    assert (found.mistakes, found.notes) == (['wrong'], ['absent'])


def test_an_exception_becomes_a_mistake_at_its_place():
    found = Findings('a.py')
    with found.noting('model'):
        raise ConfigError('two\nlines of our own')
    with found.noting():
        raise RuntimeError('a library says this\nand much more')
    with found.noting('here'):
        raise KeyError
    assert found.mistakes == ['model: two\nlines of our own', 'RuntimeError: a library says this', 'here: KeyError']


@pytest.mark.parametrize('modalities', [(), ('imu',), ('image', 'imu')])
def test_what_may_lie_in_an_assumed_shape_is_no_mistake(modalities):
    found = Findings('a.py', assumed={'imu': [1, 48, 64]})
    found.doubt('does not run', *modalities)
    with found.doubting('model', *modalities):
        raise RuntimeError('fails')
    words = '(with imu [1, 48, 64], which is assumed)'
    assert (found.mistakes, found.notes) == ([], [f'does not run {words}', f'model: RuntimeError: fails {words}'])


@pytest.mark.parametrize(('assumed', 'modalities'), [({}, ()), ({}, ('imu',)), ({'imu': [24]}, ('image',))])
def test_what_depends_on_nothing_assumed_is_a_mistake(assumed, modalities):
    found = Findings('a.py', assumed=assumed)
    found.doubt('does not run', *modalities)
    with found.doubting('', *modalities):
        raise RuntimeError('fails')
    assert (found.mistakes, found.notes) == (['does not run', 'RuntimeError: fails'], [])
