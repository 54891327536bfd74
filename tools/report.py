"""Writes one self-contained HTML page about finished and unfinished runs.

python tools/report.py work_dirs/unimodal/grid_visual work_dirs/fdkd/grid_visual_from_audio --out report.html
"""

import argparse
from pathlib import Path

from fdkd.apis.cli import guarded
from fdkd.report import report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dirs', nargs='+', type=Path, metavar='WORK_DIR', help='folder of a run')
    parser.add_argument('--out', type=Path, default=Path('report.html'), help='file to write (default: report.html)')
    args = parser.parse_args()
    out = report(args.work_dirs, args.out)
    print(f'{out}: {out.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
    guarded(main)
