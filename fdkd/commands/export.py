"""Writes a trained student, alone, to one file that needs no fdkd, and compares it with what it was made from.

fdkd export fdkd/nyu_rgb_from_depth work_dirs/fdkd/nyu_rgb_from_depth/student.pth --format onnx
"""

import argparse
from collections.abc import Sequence

from fdkd.apis.cli import add_run_options, positive, run_options
from fdkd.apis.export import export
from fdkd.export.writing import SUFFIXES


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument('config', help='config: a file, or a name of `fdkd configs`')
    made.add_argument('checkpoint', help='student.pth or a full checkpoint')
    made.add_argument(
        '--format', required=True, choices=list(SUFFIXES),
        help='weights of a plain network, a traced program of torch.export, or ONNX',
    )  # fmt: skip
    made.add_argument('--int8', action='store_true', help='eight-bit integers, for onnx')
    made.add_argument(
        '--out', metavar='FILE', help='file to write; default: exported.*, without --work-dir beside the checkpoint'
    )
    made.add_argument('--check', type=positive, default=32, metavar='N', help='test samples to compare (32)')
    add_run_options(made, training=False)
    return made


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs the command."""
    args = parser(prog).parse_args(argv)
    report = export(
        args.config,
        args.checkpoint,
        args.format,
        run_options(args),
        int8=args.int8,
        out=args.out,
        work_dir=args.work_dir,
        check=args.check,
        unsafe_checkpoint=args.unsafe_checkpoint,
    )
    print(report)
