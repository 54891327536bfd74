"""Names of which no two are equal, and places that are gone afterwards."""

from pathlib import Path

import pytest

from fdkd.inference.sources import clear, named, room, single


def names(*sources):
    return [source.name for source in named([single(name, name, str, path) for name, path in sources])]


def test_names_that_differ_stay():
    assert names(('a', Path('x/a.jpg')), ('b', Path('x/b.jpg'))) == ['a', 'b']


def test_files_of_one_name_get_their_folders():
    assert names(('a', Path('x/a.jpg')), ('a', Path('y/a.jpg')), ('b', None)) == ['x_a', 'y_a', 'b']


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ([('array', None)] * 3, ['array-1', 'array-2', 'array-3']),
        ([('a', Path('x/a.jpg')), ('a', Path('x/a.png'))], ['x_a-1', 'x_a-2']),
        ([('a', None), ('a', None), ('a-1', None)], ['a-2', 'a-3', 'a-1']),
        ([('A', None), ('a', None)], ['A-1', 'a-2']),
    ],
)
def test_what_is_still_equal_gets_numbers(given, expected):
    found = names(*given)
    assert found == expected
    assert len({name.casefold() for name in found}) == len(found)


def test_places_are_new_and_go():
    with room() as place:
        first, second = place(), place()
        assert first != second
        assert not first.exists()
        assert first.parent.is_dir()
        second.mkdir()
        clear(second)
        clear(second)
        assert not second.exists()
    assert not first.parent.exists()
