"""Makes a table or figure of the paper: runs what is missing, resumes what was cut off, writes what there is.

python tools/reproduce.py table1 --data grid --seeds 0 1 2 --methods feat fdkd --jobs 2
"""

import argparse
import signal
import sys
from pathlib import Path

from fdkd.apis.cli import guarded, parse_size, positive, whole
from fdkd.apis.options import RunOptions
from fdkd.apis.reproduce import Reproduction
from fdkd.reproduce.exhibits import EXHIBITS, GROUPS

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'what', nargs='+', choices=[*EXHIBITS, *GROUPS], metavar='WHAT', help=', '.join([*EXHIBITS, *GROUPS])
    )
    parser.add_argument('--data', nargs='+', default=['grid'], help='data sets, as the configs are called after them')
    parser.add_argument('--seeds', nargs='+', type=whole, help='seeds of every figure; default 0 1 2, and 0 for fig5')
    parser.add_argument('--methods', nargs='+', help='methods of Tables 1 and 2, by folder of configs; default all')
    parser.add_argument('--budget', type=float, default=1.0, help="share of the configs' epochs, such as 0.1")
    parser.add_argument('--jobs', type=positive, default=1, help='runs side by side')
    parser.add_argument('--out', type=Path, default=Path('reproduction'), help='folder of ledger, runs and tables')
    parser.add_argument('--dry-run', action='store_true', help='list the runs and how long they will take')
    parser.add_argument('--data-root', help='folder of the data set')
    parser.add_argument('--size', type=parse_size, metavar='WIDTHxHEIGHT', help='size that samples are resized to')
    parser.add_argument('--batch-size', type=positive, help='training samples per step')
    parser.add_argument('--pretrained', metavar='FILE|none', help="ImageNet weights; 'none' trains from scratch")
    parser.add_argument('--text-model', metavar='NAME|FOLDER', help='Hugging Face model of tokenizer and text encoder')
    parser.add_argument('--amp', action='store_true', help='mixed precision')
    parser.add_argument('--workers', type=whole, help='processes that load data, for each run')
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends the runs as well
    options = RunOptions(
        data_root=args.data_root, size=args.size, batch_size=args.batch_size, pretrained=args.pretrained,
        text_model=args.text_model, amp=args.amp, workers=args.workers,
    )  # fmt: skip
    prepared = Reproduction(
        args.what, args.data, args.seeds, args.out, REPOSITORY, args.methods, options, args.budget
    ).prepare()
    if args.dry_run:
        print(prepared.list_runs(args.jobs))
        return
    failed = prepared.run(args.jobs)
    prepared.tables()
    if failed:
        sys.exit(f'{len(failed)} runs failed; they are tried again by the same command')


if __name__ == '__main__':
    guarded(main)
