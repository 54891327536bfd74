"""Trains a config, its teacher first where none is trained yet.

python tools/train.py configs/fdkd/nyu_rgb_from_depth.py
"""

import argparse

from fdkd.apis.cli import add_run_options, guarded, run_options
from fdkd.apis.train import train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    teacher_help = "use this teacher instead of training one; 'untrained' has random weights, as a control"
    parser.add_argument('--teacher', metavar='CHECKPOINT|untrained', help=teacher_help)
    parser.add_argument('--resume', action='store_true', help='continue from the newest checkpoint in the work dir')
    add_run_options(parser)
    args = parser.parse_args()
    train(
        args.config,
        run_options(args),
        work_dir=args.work_dir,
        teacher=args.teacher,
        resume=args.resume,
        launcher=args.launcher,
        unsafe_checkpoint=args.unsafe_checkpoint,
    )


if __name__ == '__main__':
    guarded(main)
