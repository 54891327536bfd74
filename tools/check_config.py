"""Checks configs without data: everything is built, one training step is run, and all mistakes are listed at once.

python tools/check_config.py configs/fdkd/nyu_rgb_from_depth.py
python tools/check_config.py configs/fdkd/*.py --quick --json checked.json

The exit status is 1 where a config has a mistake.
"""

import argparse
import sys

from fdkd.apis.check_config import check_configs
from fdkd.apis.cli import add_run_options, guarded, run_options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='config file')
    quick_help = 'small inputs, for a check of many configs; the estimated memory is then that of small inputs'
    parser.add_argument('--quick', action='store_true', help=quick_help)
    parser.add_argument('--json', metavar='FILE', help='write everything that was found')
    add_run_options(parser)
    args = parser.parse_args()
    checked = check_configs(args.configs, run_options(args), quick=args.quick, json=args.json)
    if any(found.mistakes for found in checked):
        sys.exit(1)


if __name__ == '__main__':
    guarded(main)
