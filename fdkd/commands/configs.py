"""Lists the configs that come with fdkd, or copies them, bases included, to change them.

fdkd configs 'fdkd/*'
fdkd configs --copy configs
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from fdkd.packaged import broken_link, config_names, home, near_config, summary

#: Said before the whole list, on stderr, so that the list can be piped.
HEADING = 'METHOD/PAIR and what it is; `fdkd train NAME` trains one. Begin with demo/, which needs no data of others.\n'


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument('pattern', nargs='?', default='', metavar='PATTERN', help="part of a name, or a pattern with '*'")
    made.add_argument('--copy', type=Path, metavar='FOLDER', help='copy all of them to a new folder')
    return made


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs the command; ends the process with a message where there is nothing to list, or the folder exists."""
    args = parser(prog).parse_args(argv)
    if args.copy:
        _copy(args.copy)
        return
    pattern = args.pattern.removeprefix('configs/').removesuffix('.py')
    named = [name for name in config_names() if fnmatch(name, pattern if '*' in pattern else f'*{pattern}*')]
    if not named:
        near = near_config(args.pattern)
        sys.exit(f'error: {args.pattern}: no config is called so' + (f'; did you mean {near}?' if near else ''))
    if not args.pattern:
        print(HEADING, file=sys.stderr)
    width = max(map(len, named)) + 2
    for name in named:
        print(f'{name:<{width}}{summary(name)}')


def _copy(folder: Path) -> None:
    try:
        shutil.copytree(home() / 'configs', folder, ignore=shutil.ignore_patterns('__pycache__'))
    except FileExistsError:
        why = broken_link(folder) or 'exists already, expected the name of a new folder'
        sys.exit(f'error: --copy {folder}: {why}')
    except OSError as error:
        sys.exit(f'error: --copy {folder}: {error}')
    print(f'{folder}: {len(config_names())} configs and their bases')
