"""Asks a trained student about images, depth maps, sound, texts or videos, and writes what it says.

fdkd infer fdkd/nyu_rgb_from_depth work_dirs/fdkd/nyu_rgb_from_depth/student.pth photos --out seen
"""

import argparse
from collections.abc import Sequence

from fdkd.apis.cli import KeyValue, parse_size, positive
from fdkd.apis.inferencer import Inferencer
from fdkd.apis.options import RunOptions
from fdkd.errors import ConfigError
from fdkd.packaged import find_config
from fdkd.printable import printable


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        'model', metavar='CONFIG CHECKPOINT | EXPORT', help='config (file or name) and student.pth, or an export'
    )
    made.add_argument('inputs', nargs='+', metavar='INPUT', help='files, folders, texts or webcam:0')
    made.add_argument('--out', required=True, metavar='FOLDER', help='folder for what is written')
    made.add_argument('--batch-size', type=positive, default=8, metavar='N', help='inputs computed together (8)')
    made.add_argument('--device', help='such as cuda:1; default: the GPU, where there is one')
    made.add_argument('--stride', type=positive, metavar='N', help='ask about every N-th frame of videos')
    made.add_argument('--clips', action='store_true', help='a folder of images is the frames of one clip')
    made.add_argument('--column', metavar='NAME', help='column of a table that holds the texts')
    made.add_argument('--skip-unreadable', action='store_true', help='leave out files that cannot be read, with a line')
    made.add_argument(
        '--leave-out',
        nargs='+',
        default=(),
        metavar='STEP',
        help='steps of the pipeline not to apply, such as AddNoise',
    )
    made.add_argument('--size', type=parse_size, metavar='WIDTHxHEIGHT', help='size that images are resized to')
    made.add_argument('--text-model', metavar='NAME|FOLDER', help='Hugging Face model of tokenizer and text encoder')
    made.add_argument(
        '--cfg-options',
        nargs='+',
        action=KeyValue,
        default={},
        metavar='KEY=VALUE',
        help='any other change of a config',
    )
    made.add_argument(
        '--unsafe-checkpoint', action='store_true',
        help='unpickle a checkpoint, or load an exported program (.pt2), that you trust fully',
    )  # fmt: skip
    return made


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs the command."""
    args = parser(prog).parse_args(argv)
    inputs, checkpoint = args.inputs, None
    if find_config(args.model).suffix == '.py':
        checkpoint, *inputs = inputs
    if not inputs:
        raise ConfigError(f'nothing to ask about: expected {args.model} CHECKPOINT INPUT ...')
    student = Inferencer(
        args.model,
        checkpoint,
        args.device,
        args.batch_size,
        options=RunOptions(size=args.size, text_model=args.text_model, cfg_options=args.cfg_options),
        leave_out=args.leave_out,
        unsafe=args.unsafe_checkpoint,
    )
    print(f'{student.task} from {student.modality}: {", ".join(student.steps[:-1])}')  # the last one packs
    done = student.write(
        inputs,
        args.out,
        skip_unreadable=args.skip_unreadable,
        stride=args.stride,
        clips=args.clips,
        column=args.column,
    )
    for notice in done.notices:
        print(f'note: {printable(notice)}')
    if done.table:
        print(done.table)
    more = f' and {len(done.files) - 1} more files' if len(done.files) > 1 else ''
    print(f'{done.files[0]}{more}' if done.files else 'nothing was written, since no input could be read')
