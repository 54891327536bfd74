"""Writes one self-contained HTML page about finished and unfinished runs.

fdkd report work_dirs/unimodal/grid_visual work_dirs/fdkd/grid_visual_from_audio --out report.html
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fdkd.report import report


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument('work_dirs', nargs='+', type=Path, metavar='WORK_DIR', help='folder of a run')
    made.add_argument('--out', type=Path, default=Path('report.html'), help='file to write (default: report.html)')
    return made


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs the command."""
    args = parser(prog).parse_args(argv)
    out = report(args.work_dirs, args.out)
    print(f'{out}: {out.stat().st_size / 1e6:.1f} MB')
