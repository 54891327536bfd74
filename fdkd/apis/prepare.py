"""The command line of ``tools/prepare_data.py``: one subcommand for each data set to convert or generate."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fdkd.apis.cli import parse_size
from fdkd.errors import FdkdError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand.

    Args:
        argv: The arguments, those of the process by default.

    Returns:
        0, or 1 after an expected failure, which is told in lines ``error: ...`` on stderr; 130 after Ctrl-C. Wrong
        arguments end the process with 2, as argparse does.
    """
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except (FdkdError, OSError) as error:
        print(*(f'error: {line}' for line in str(error).splitlines()), sep='\n', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('error: interrupted; run the same command again', file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='prepare_data.py', description='Makes the data folders that fdkd trains on.')
    commands = parser.add_subparsers(required=True, metavar='DATASET')

    nyu = commands.add_parser('nyu', help='convert the labelled set of NYU-Depth V2')
    nyu.add_argument('--mat', type=Path, required=True, help='nyu_depth_v2_labeled.mat (2.8 GB)')
    nyu.add_argument('--splits', type=Path, required=True, help='splits.mat')
    nyu.add_argument('--mapping', type=Path, required=True, help='classMapping40.mat')
    nyu.add_argument('--out', type=Path, required=True, help='folder to make, for example data/nyu_depth_v2')
    nyu.add_argument('--size', type=parse_size, default=(640, 480), metavar='WxH', help='size to write (640x480)')
    nyu.add_argument('--download', action='store_true', help='download those of the three files that are missing')
    nyu.set_defaults(run=_nyu)

    rooms = commands.add_parser('rooms', help='generate a small RGB-D data set of drawn rooms')
    rooms.add_argument('--out', type=Path, required=True, help='folder to make, for example data/rooms')
    rooms.add_argument('--frames', type=int, default=400, help='frames in all (400)')
    rooms.add_argument('--train', type=int, default=300, help='frames of the training split (300)')
    rooms.add_argument('--seed', type=int, default=0, help='seed of the generator (0)')
    rooms.add_argument('--size', type=parse_size, default=(128, 96), metavar='WxH', help='size to write (128x96)')
    rooms.set_defaults(run=_rooms)
    return parser


def _nyu(args: argparse.Namespace) -> None:
    from fdkd.datasets.prepare.download import download
    from fdkd.datasets.prepare.nyu import convert_nyu, finished_nyu
    from fdkd.datasets.prepare.nyu_source import PUBLISHED, published

    paths = {role: getattr(args, role) for role in PUBLISHED}
    manifest = finished_nyu(**paths, out=args.out, size=args.size)
    if manifest is not None:
        print(f'{args.out} is complete already: {_summary(manifest)}')
        return
    missing = {role: path for role, path in paths.items() if not path.is_file()}
    if missing and not args.download:
        lines = [f'{path}: missing; {published(role)}' for role, path in missing.items()]
        raise FdkdError('\n'.join([*lines, 'pass the paths of these files, or add --download to fetch them there']))
    for role, path in missing.items():
        download(PUBLISHED[role].url, path)
    print(f'{args.out}: {_summary(convert_nyu(**paths, out=args.out, size=args.size))}')


def _summary(manifest: dict) -> str:
    frames, (width, height) = manifest['frames'], manifest['size']
    return f'{frames["train"]} training and {frames["test"]} test frames of {width}x{height}, manifest.json says more'


def _rooms(args: argparse.Namespace) -> None:
    if not 0 < args.train < args.frames:
        raise FdkdError(f'--train is {args.train}, expected at least 1 and less than --frames {args.frames}')
    from fdkd.datasets.rooms import write_rooms

    width, height = args.size
    write_rooms(args.out, frames=args.frames, train=args.train, seed=args.seed, width=width, height=height)
    print(f'{args.out}: {args.train} training and {args.frames - args.train} test frames of {width}x{height}')
