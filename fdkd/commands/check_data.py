"""Reads every file of a config's data set once and reports all that is wrong with it.

fdkd check-data fdkd/nyu_rgb_from_depth --csv findings.csv

Exit status 1 if there are errors, 0 if there are warnings only.
"""

import argparse
import sys
from collections.abc import Sequence

from fdkd.apis.check_data import check_data
from fdkd.apis.cli import KeyValue, run_options, whole


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument('config', help='config: a file, or a name of `fdkd configs`')
    made.add_argument('--csv', metavar='FILE', help='write all findings there, a line each')
    made.add_argument('--json', metavar='FILE', help='write all findings and the numbers of each split there')
    made.add_argument('--show', type=whole, default=5, metavar='N', help='findings of each kind on screen (5)')
    made.add_argument('--data-root', help='folder of the data set')
    made.add_argument('--workers', type=whole, help='processes that read (default: one per processor)')
    made.add_argument('--text-model', metavar='NAME|FOLDER', help='Hugging Face model of the tokenizer')
    made.add_argument(
        '--cfg-options', nargs='+', action=KeyValue, default={}, metavar='KEY=VALUE', help='other changes'
    )
    return made


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs the command."""
    args = parser(prog).parse_args(argv)
    try:
        report = check_data(args.config, run_options(args), args.csv, args.json, args.show)
    except KeyboardInterrupt:
        print('error: interrupted, nothing was written', file=sys.stderr)
        sys.exit(130)
    sys.exit(report.verdict == 'errors')
