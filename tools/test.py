"""Scores a trained student on the test set, from its modality alone.

python tools/test.py configs/fdkd/nyu_rgb_from_depth.py work_dirs/fdkd/nyu_rgb_from_depth/student.pth
"""

import argparse

from fdkd.apis.cli import add_run_options, guarded, run_options
from fdkd.apis.test import test


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='student.pth or a full checkpoint')
    add_run_options(parser, training=False)
    args = parser.parse_args()
    test(
        args.config,
        args.checkpoint,
        run_options(args),
        work_dir=args.work_dir,
        launcher=args.launcher,
        unsafe_checkpoint=args.unsafe_checkpoint,
    )


if __name__ == '__main__':
    guarded(main)
