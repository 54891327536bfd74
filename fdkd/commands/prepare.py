"""Makes the data folders that fdkd trains on: one subcommand for each data set to convert or generate.

fdkd prepare digits
fdkd prepare nyu --mat nyu_depth_v2_labeled.mat --splits splits.mat --mapping classMapping40.mat --download
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fdkd.apis.cli import parse_size, positive, whole
from fdkd.errors import FdkdError
from fdkd.printable import printable


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Runs one subcommand.

    Args:
        argv: The arguments, those of the process by default.
        prog: What the command is called in messages, by default as the process was.

    Returns:
        0, or 1 after an expected failure, which is told in lines ``error: ...`` on stderr; 130 after Ctrl-C. Wrong
        arguments end the process with 2, as argparse does.
    """
    args = parser(prog).parse_args(argv)
    try:
        args.run(args)
    except (FdkdError, OSError) as error:
        print(*(f'error: {printable(line)}' for line in str(error).splitlines()), sep='\n', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('error: interrupted; run the same command again', file=sys.stderr)
        return 130
    return 0


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(required=True, metavar='DATASET')

    nyu = commands.add_parser('nyu', help='convert the labelled set of NYU-Depth V2')
    nyu.add_argument('--mat', type=Path, required=True, help='nyu_depth_v2_labeled.mat (2.8 GB)')
    nyu.add_argument('--splits', type=Path, required=True, help='splits.mat')
    nyu.add_argument('--mapping', type=Path, required=True, help='classMapping40.mat')
    _add_out(nyu, 'nyu_depth_v2')
    nyu.add_argument('--size', type=parse_size, default=(640, 480), metavar='WxH', help='size to write (640x480)')
    nyu.add_argument('--download', action='store_true', help='download those of the three files that are missing')
    nyu.set_defaults(run=_nyu)

    rooms = commands.add_parser('rooms', help='generate a small RGB-D data set of drawn rooms')
    _add_out(rooms, 'rooms')
    rooms.add_argument('--frames', type=positive, default=400, help='frames in all (400)')
    rooms.add_argument('--train', type=positive, default=300, help='frames of the training split (300)')
    rooms.add_argument('--seed', type=whole, default=0, help='seed of the generator (0)')
    rooms.add_argument('--size', type=parse_size, default=(128, 96), metavar='WxH', help='size to write (128x96)')
    rooms.set_defaults(run=_rooms)

    digits = commands.add_parser('digits', help='write handwritten digits, each with a generated tune of its class')
    _add_out(digits, 'digits')
    digits.add_argument('--seed', type=whole, default=0, help='seed of the sounds and of the split (0)')
    digits.set_defaults(run=_digits)

    clips = {
        'cremad': ('convert CREMA-D', 'train.csv and test.csv', 'VideoFlash (flv) and AudioWAV'),
        'ave': ('convert AVE', 'trainSet.txt, valSet.txt and testSet.txt', 'VIDEO.mp4'),
        'vggsound': (
            'convert VGGSound, the clips that are left',
            'train.csv and test.csv, or vggsound.csv',
            'YTID_000030.mp4',
        ),
    }
    for name, (what, lists, videos) in clips.items():
        command = commands.add_parser(name, help=what)
        _add_conversion(command, name, lists)
        command.add_argument('--videos', type=Path, required=True, help=f'folder with {videos}')
        command.add_argument('--fps', type=_above_0, default=1.0, help='frames a second to write (1)')
        command.set_defaults(run=_clips, dataset=name)

    crisismmd = commands.add_parser('crisismmd', help='copy the images of CrisisMMD, those of odd modes as RGB')
    _add_conversion(crisismmd, 'crisismmd', 'task_humanitarian_text_img_agreed_lab_{train,dev,test}.tsv')
    crisismmd.add_argument('--images', type=Path, required=True, help='folder with data_image')
    crisismmd.set_defaults(run=_crisismmd)
    return made


def _add_conversion(command: argparse.ArgumentParser, name: str, lists: str) -> None:
    """The arguments that all conversions of listed samples have."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    command.add_argument(
        '--annotations',
        type=Path,
        required=True,
        help=f'folder with the official lists {lists}, or a path with {{split}} for the name of each split',
    )
    _add_out(command, name)
    command.add_argument('--workers', type=positive, default=cpus, help=f'processes to share the work ({cpus})')


def _add_out(command: argparse.ArgumentParser, name: str) -> None:
    """``--out``, by default the folder that the configs read."""
    folder = Path('data') / name
    command.add_argument('--out', type=Path, default=folder, help=f'folder to make ({folder})')


def _above_0(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float('inf'):
        raise argparse.ArgumentTypeError(f'{text!r}, expected a number above 0')
    return number


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


def _digits(args: argparse.Namespace) -> None:
    from fdkd.datasets.prepare.digits import write_digits

    samples = write_digits(args.out, args.seed)['samples']
    print(f'{args.out}: {samples["train"]} training and {samples["test"]} test samples of image and audio')


def _clips(args: argparse.Namespace) -> None:
    from fdkd.datasets.prepare.ave import convert_ave
    from fdkd.datasets.prepare.cremad import convert_cremad
    from fdkd.datasets.prepare.vggsound import convert_vggsound

    convert = {'cremad': convert_cremad, 'ave': convert_ave, 'vggsound': convert_vggsound}[args.dataset]
    _print_counts(args.out, convert(args.annotations, args.videos, args.out, args.fps, args.workers))


def _crisismmd(args: argparse.Namespace) -> None:
    from fdkd.datasets.prepare.crisismmd import convert_crisismmd

    _print_counts(args.out, convert_crisismmd(args.annotations, args.images, args.out, args.workers))


def _print_counts(out: Path, manifest: dict) -> None:
    from fdkd.datasets.prepare.tally import table

    print(f'{out}: manifest.json says more, also which were left out and why\n{table(manifest["splits"])}')
    if manifest['changed']:
        kinds = ', '.join(f'{count} {kind}' for kind, count in manifest['changed'].items())
        print(f'Rewritten as RGB: {kinds}')
