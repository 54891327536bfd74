"""Scores a trained student on the test set, from its modality alone.

fdkd test fdkd/nyu_rgb_from_depth work_dirs/fdkd/nyu_rgb_from_depth/student.pth
"""

import argparse
from collections.abc import Sequence

from fdkd.apis.cli import add_launcher, add_run_options, run_options
from fdkd.apis.test import test


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument('config', help='config: a file, or a name of `fdkd configs`')
    made.add_argument('checkpoint', help='student.pth or a full checkpoint')
    add_run_options(made, training=False)
    add_launcher(made)
    return made


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs the command."""
    args = parser(prog).parse_args(argv)
    test(
        args.config,
        args.checkpoint,
        run_options(args),
        work_dir=args.work_dir,
        launcher=args.launcher,
        unsafe_checkpoint=args.unsafe_checkpoint,
    )
