"""Reads every file of a config's data set once and reports all that is wrong with it.

python tools/check_data.py configs/fdkd/nyu_rgb_from_depth.py --csv findings.csv

Exit status 1 if there are errors, 0 if there are warnings only.
"""

import argparse
import sys

from fdkd.apis.check_data import check_data
from fdkd.apis.cli import KeyValue, guarded, whole
from fdkd.apis.options import RunOptions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('--csv', metavar='FILE', help='write all findings there, a line each')
    parser.add_argument('--json', metavar='FILE', help='write all findings and the numbers of each split there')
    parser.add_argument('--show', type=whole, default=5, metavar='N', help='findings of each kind on screen (5)')
    parser.add_argument('--data-root', help='folder of the data set')
    parser.add_argument('--workers', type=whole, help='processes that read (default: one per processor)')
    parser.add_argument('--text-model', metavar='NAME|FOLDER', help='Hugging Face model of the tokenizer')
    parser.add_argument(
        '--cfg-options', nargs='+', action=KeyValue, default={}, metavar='KEY=VALUE', help='other changes'
    )
    args = parser.parse_args()
    options = RunOptions(
        data_root=args.data_root, workers=args.workers, text_model=args.text_model, cfg_options=args.cfg_options
    )
    try:
        report = check_data(args.config, options, args.csv, args.json, args.show)
    except KeyboardInterrupt:
        print('error: interrupted, nothing was written', file=sys.stderr)
        sys.exit(130)
    sys.exit(report.verdict == 'errors')


if __name__ == '__main__':
    guarded(main)
