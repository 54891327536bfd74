"""Checks configs without data: everything is built, one training step is run, and all mistakes are listed at once.

fdkd check fdkd/nyu_rgb_from_depth
fdkd check mine/*.py --quick --json checked.json

The exit status is 1 where a config has a mistake.
"""

import argparse
import sys
from collections.abc import Sequence

from fdkd.apis.check_config import check_configs
from fdkd.apis.cli import add_run_options, run_options


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument('configs', nargs='+', metavar='CONFIG', help='config: a file, or a name of `fdkd configs`')
    quick_help = 'small inputs, for a check of many configs; the estimated memory is then that of small inputs'
    made.add_argument('--quick', action='store_true', help=quick_help)
    made.add_argument('--json', metavar='FILE', help='write everything that was found')
    add_run_options(made)
    return made


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs the command."""
    args = parser(prog).parse_args(argv)
    checked = check_configs(args.configs, run_options(args), quick=args.quick, json=args.json)
    if any(found.mistakes for found in checked):
        sys.exit(1)
