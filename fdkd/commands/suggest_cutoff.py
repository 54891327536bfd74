"""Compares a pair's trained models by frequency band and suggests the cutoff of FD-CMKD's decoupler.

fdkd suggest-cutoff fdkd/grid_visual_from_audio \\
    work_dirs/unimodal/grid_visual/student.pth work_dirs/unimodal/grid_clean_audio/student.pth

Reads training data, or with --split val the validation data of a data set that has some: a cutoff is a setting, and
nothing is tuned on test data.
"""

import argparse
from collections.abc import Sequence

from fdkd.apis.cli import parse_size, positive, run_options, whole
from fdkd.apis.cutoff import cutoff


def parser(prog: str | None = None) -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument('config', help='config of the pair: a file, or a name of `fdkd configs`')
    made.add_argument('student', help="checkpoint of the student's modality")
    made.add_argument('teacher', help='checkpoint of the teacher')
    made.add_argument('--split', choices=('train', 'val'), default='train', help='which data (train)')
    made.add_argument('--bands', type=positive, default=16, help='bands of equal width (16)')
    made.add_argument('--out', help="folder for profile.png and spectral_cka.json; default: the student's")
    made.add_argument('--data-root', help='folder of the data set')
    made.add_argument('--size', type=parse_size, metavar='WIDTHxHEIGHT', help='size that samples are resized to')
    made.add_argument('--workers', type=whole, help='processes that load data')
    made.add_argument('--text-model', metavar='NAME|FOLDER', help='Hugging Face model of tokenizer and text encoder')
    made.add_argument('--unsafe-checkpoint', action='store_true', help='unpickle checkpoints that you trust fully')
    return made


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Runs the command."""
    args = parser(prog).parse_args(argv)
    cutoff(
        args.config,
        args.student,
        args.teacher,
        run_options(args),
        split=args.split,
        bands=args.bands,
        out=args.out,
        unsafe_checkpoint=args.unsafe_checkpoint,
    )
