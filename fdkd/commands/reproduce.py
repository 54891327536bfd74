"""Makes a table or figure of the paper: runs what is missing, resumes what was cut off, writes what there is.

fdkd reproduce fig4
fdkd reproduce table1 --data grid --seeds 0 1 2 --methods feat fdkd --jobs 2

fig4 needs nothing; the others need their data sets, and docs/reproduce.md says where these are from. The exit status
is 1 where runs failed, were stopped or are blocked, also in a dry run.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from fdkd.apis.cli import parse_size, positive, run_options, whole
from fdkd.apis.reproduce import Reproduction
from fdkd.packaged import home
from fdkd.reproduce.exhibits import EXHIBITS, GROUPS


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        'what', nargs='+', choices=[*EXHIBITS, *GROUPS], metavar='WHAT', help=', '.join([*EXHIBITS, *GROUPS])
    )
    made.add_argument('--data', nargs='+', default=['grid'], help='data sets, as the configs are called after them')
    made.add_argument('--seeds', nargs='+', type=whole, help='seeds of every figure; default 0 1 2, and 0 for fig5')
    made.add_argument('--methods', nargs='+', help='methods of Tables 1 and 2, by folder of configs; default all')
    made.add_argument('--budget', type=float, default=1.0, help="share of the configs' epochs, such as 0.1")
    made.add_argument('--jobs', type=positive, default=1, help='runs side by side')
    made.add_argument('--out', type=Path, default=Path('reproduction'), help='folder of ledger, runs and tables')
    made.add_argument('--dry-run', action='store_true', help='list the runs and how long they will take')
    made.add_argument('--data-root', help='folder of the data set')
    made.add_argument('--size', type=parse_size, metavar='WIDTHxHEIGHT', help='size that samples are resized to')
    made.add_argument('--batch-size', type=positive, help='training samples per step')
    made.add_argument('--pretrained', metavar='FILE|none', help="ImageNet weights; 'none' trains from scratch")
    made.add_argument('--text-model', metavar='NAME|FOLDER', help='Hugging Face model of tokenizer and text encoder')
    made.add_argument('--amp', action='store_true', help='mixed precision')
    made.add_argument('--workers', type=whole, help='processes that load data, for each run')
    made.add_argument(
        '--cache-teacher-in', dest='cache_teacher', metavar='FOLDER',
        help="keep the features of frozen teachers there, in runs whose teacher's view is fixed",
    )  # fmt: skip
    return made


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs the command."""
    args = parser(prog).parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends the runs as well
    asked = args.what, args.data, args.seeds, args.out, home(), args.methods, run_options(args), args.budget
    prepared = Reproduction(*asked).prepare()
    if args.dry_run:
        print(prepared.list_runs(args.jobs))
        failed = {}
    else:
        failed = prepared.run(args.jobs)
        prepared.tables()
    if lacking := prepared.shortfall(failed):
        sys.exit(lacking)
