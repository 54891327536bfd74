"""Scoring a trained student, alone, from its modality alone."""

from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import is_main_process

from fdkd.algorithms import SingleModality
from fdkd.algorithms.teacher import student_weights
from fdkd.apis.config import load_config
from fdkd.apis.evaluate import evaluate, test_loader
from fdkd.apis.options import RunOptions
from fdkd.apis.report import PICTURE_FILE, description, draw, table, write_results
from fdkd.checkpoint import load_weights
from fdkd.engine.launch import setup_distributed


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
        checkpoint: ``student.pth`` or a full checkpoint.
        options: What this run changes.
        work_dir: Where results and picture go; default: the checkpoint's folder, under ``test``.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        unsafe_checkpoint: Unpickle the checkpoint without restriction.

    Returns:
        What ``results.json`` holds.

    Raises:
        FdkdError: For every expected failure, see :mod:`fdkd.errors`.
    """
    setup_distributed(launcher)
    cfg = load_config(config, options or RunOptions())
    student = cfg.model.get('student', cfg.model)
    algorithm = SingleModality(student.modality, student.model, cfg.model.get('data_preprocessor'))
    weights = student_weights(checkpoint, student.modality, algorithm.student.num_classes, unsafe_checkpoint)
    load_weights(algorithm.student, weights, checkpoint)
    algorithm.to(torch.device(get_device()))
    scores = evaluate(algorithm, test_loader(cfg, student.modality), cfg.test_evaluator, 'testing the student')
    results = {**description(cfg), 'epoch': Path(checkpoint).name, 'selection': 'checkpoint', 'student': scores}
    if is_main_process():
        folder = Path(work_dir) if work_dir else Path(checkpoint).parent / 'test'
        folder.mkdir(parents=True, exist_ok=True)
        write_results(results, folder)
        draw(cfg, {'student': algorithm}, folder / PICTURE_FILE)
        print(table(results))
    return results
