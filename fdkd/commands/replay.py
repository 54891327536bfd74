"""Repeats a training step whose loss or gradients were not finite, and says where that begins.

fdkd replay work_dirs/fdkd/nyu_rgb_from_depth/nonfinite/iter_1234.pth
"""

import argparse
from collections.abc import Sequence

from fdkd.apis.replay import replay


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument('file', help='what the training left in nonfinite/ of its work dir')
    made.add_argument('--config', help="the run's complete config, where it no longer lies above FILE")
    made.add_argument('--unsafe-checkpoint', action='store_true', help="unpickle the teacher's that you trust fully")
    return made


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs the command."""
    args = parser(prog).parse_args(argv)
    replay(args.file, args.config, unsafe_checkpoint=args.unsafe_checkpoint)
