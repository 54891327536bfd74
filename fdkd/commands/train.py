"""Trains a config, its teacher first where none is trained yet.

fdkd train demo/digits_image_from_audio
fdkd train fdkd/nyu_rgb_from_depth --epochs 5
"""

import argparse
from collections.abc import Sequence

from fdkd.apis.cli import add_launcher, add_run_options, run_options
from fdkd.apis.train import train


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument('config', help='config: a file, or a name of `fdkd configs`')
    teacher_help = "use this teacher instead of training one; 'untrained' has random weights, as a control"
    made.add_argument('--teacher', metavar='CHECKPOINT|untrained', help=teacher_help)
    made.add_argument('--resume', action='store_true', help='continue from the newest checkpoint in the work dir')
    add_run_options(made)
    add_launcher(made)
    return made


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs the command."""
    args = parser(prog).parse_args(argv)
    train(
        args.config,
        run_options(args),
        work_dir=args.work_dir,
        teacher=args.teacher,
        resume=args.resume,
        launcher=args.launcher,
        unsafe_checkpoint=args.unsafe_checkpoint,
    )
