"""What a check collects."""

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
