"""What to do where the folder of a data set is not there."""

import shlex
from pathlib import Path

#: Subcommands of ``fdkd prepare`` by the folder that each writes to; the rest are called as theirs.
PREPARED = {'nyu_depth_v2': 'nyu'} | {
    name: name for name in ('ave', 'cremad', 'crisismmd', 'digits', 'rooms', 'vggsound')
}
#: Those that take nothing but what fdkd generates or has at hand.
GENERATED = {'digits', 'rooms'}


def no_folder(root: str | Path, command: str = '') -> str:
    """The message for an absent ``root``, with the subcommand of ``fdkd prepare`` that makes it, where there is one.

    Args:
        root: The folder.
        command: The data set's own subcommand; a folder that is called as another has it from there.
    """
    command = PREPARED.get(Path(root).name, command)
    made = instead = ''
    if command in GENERATED:
        made = f'make it with `fdkd prepare {command} --out {shlex.quote(str(root))}`, or '
    elif command:
        made = f'convert it with `fdkd prepare {command}` (`fdkd prepare {command} --help` says what it takes), or '
    if Path(root).name == 'grid_digits':
        made = 'docs/reproduce.md says what it holds and where it is from; '
    if command == 'nyu':
        instead = ': `fdkd prepare rooms` makes data/rooms, drawn ones to try it without the data'
    return f'{root}: no such folder; {made}pass another with --data-root{instead}'
