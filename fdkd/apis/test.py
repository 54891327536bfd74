"""Scoring a trained student, alone, from its modality alone."""

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device

from fdkd.algorithms import Algorithm, SingleModality, StudentWithHeads
from fdkd.algorithms.teacher import checked_weights, student_weights, teacher_configs
from fdkd.apis.config import load_config, tell_unused
from fdkd.apis.evaluate import evaluate, test_loader
from fdkd.apis.options import RunOptions
from fdkd.apis.report import present
from fdkd.apis.teacher import complete_teachers
from fdkd.checkpoint import load_weights
from fdkd.engine.launch import setup_distributed
from fdkd.registry import ALGORITHMS


def test(
    config: str | Path,
    checkpoint: str | Path,
    options: RunOptions | None = None,
    *,
    work_dir: str | Path | None = None,
    launcher: str = 'none',
    unsafe_checkpoint: bool = False,
) -> dict[str, Any]:
    """Evaluates the student of ``config`` with the weights of ``checkpoint`` on the test set.

    Args:
        config: Config file.
        checkpoint: ``student.pth`` or a full checkpoint, which also holds the classifiers that losses trained on the
            student's feature; then each of them is scored as well.
        options: What this run changes.
        work_dir: Where results and pictures go; default: the checkpoint's folder, under ``test``.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        unsafe_checkpoint: Unpickle the checkpoint without restriction.

    Returns:
        What ``results.json`` holds.

    Raises:
        FdkdError: For every expected failure, see :mod:`fdkd.errors`.
    """
    setup_distributed(launcher)
    options = options or RunOptions()
    cfg = load_config(config, options)
    tell_unused(cfg, options)
    algorithm = _with_heads(cfg, checkpoint, options, unsafe_checkpoint) or student_alone(
        cfg, checkpoint, unsafe_checkpoint
    )
    algorithm.to(torch.device(get_device()))
    found = evaluate(algorithm, test_loader(cfg, algorithm.modality), cfg.test_evaluator, 'testing the student')
    about = {'epoch': Path(checkpoint).name, 'selection': 'checkpoint'}
    folder = Path(work_dir) if work_dir else Path(checkpoint).parent / 'test'
    return present(cfg, {'student': algorithm}, {'student': found}, about, folder)


def student_alone(cfg: Config, checkpoint: str | Path, unsafe: bool) -> Algorithm:
    """The student and nothing else."""
    student = cfg.model.get('student', cfg.model)
    algorithm = SingleModality(student.modality, student.model, cfg.model.get('data_preprocessor'))
    weights = student_weights(checkpoint, student.modality, algorithm.student.num_classes, unsafe)
    load_weights(algorithm.student, weights, checkpoint)
    return algorithm


def _with_heads(cfg: Config, checkpoint: str | Path, options: RunOptions, unsafe: bool) -> Algorithm | None:
    """The student with the classifiers that losses trained on its feature, where ``checkpoint`` holds such."""
    if not (teachers := teacher_configs(cfg.model)):
        return None
    student = cfg.model.student
    weights = checked_weights(checkpoint, student.modality, student.model.get('num_classes'), unsafe)
    if not any(name.startswith('terms.') for name in weights):
        return None
    complete_teachers(cfg, options)
    for teacher in teachers.values():
        teacher.checkpoint = None  # its architecture alone is asked: the classifiers fit its width
    algorithm = StudentWithHeads(ALGORITHMS.build(cfg.model))
    own = tuple(f'{name}.' for name, _ in algorithm.named_children())  # a teacher that trains is saved beside them
    load_weights(algorithm, {name: x for name, x in weights.items() if name.startswith(own)}, checkpoint)
    return algorithm
