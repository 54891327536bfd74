"""What is said of the folder of a data set that is not there."""

import re
import shlex

import pytest

from fdkd.commands.prepare import parser
from fdkd.datasets.absent import GENERATED, PREPARED, no_folder


@pytest.mark.parametrize(
    ('root', 'command', 'how'),
    [
        ('data/rooms', 'nyu', 'make it with `fdkd prepare rooms --out data/rooms`, or '),
        ('data/digits', '', 'make it with `fdkd prepare digits --out data/digits`, or '),
        ('data/ave', '', 'convert it with `fdkd prepare ave` (`fdkd prepare ave --help` says what it takes), or '),
        ('elsewhere', 'ave', 'convert it with `fdkd prepare ave` (`fdkd prepare ave --help` says what it takes), or '),
        ('data/grid_digits', '', 'docs/reproduce.md says what it holds and where it is from; '),
        ('data/mine', '', ''),
    ],
)
def test_the_command_that_makes_it_is_named(root, command, how):
    assert no_folder(root, command) == f'{root}: no such folder; {how}pass another with --data-root'


@pytest.mark.parametrize(('root', 'command'), [('data/nyu_depth_v2', ''), ('elsewhere', 'nyu')])
def test_instead_of_nyu_there_are_rooms(root, command):
    assert no_folder(root, command) == (
        f'{root}: no such folder; convert it with `fdkd prepare nyu` (`fdkd prepare nyu --help` says what it takes), '
        'or pass another with --data-root: `fdkd prepare rooms` makes data/rooms, drawn ones to try it without the data'
    )


def test_every_command_exists_and_those_that_are_said_to_run_take_what_is_printed():
    known = next(action for action in parser()._actions if action.choices).choices
    assert set(PREPARED.values()) == set(known)
    for root in ('data/rooms', 'my data/digits', 'data/nyu_depth_v2'):
        *_, words = re.findall('`fdkd prepare (.*?)`', no_folder(root))
        args = parser().parse_args(shlex.split(words))
        assert str(args.out) == root.replace('nyu_depth_v2', 'rooms')
    for name in set(known) - GENERATED:  # the others lack arguments
        with pytest.raises(SystemExit):
            parser().parse_args([name])
