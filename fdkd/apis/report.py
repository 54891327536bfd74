"""What a run leaves behind: a table, pictures and a JSON file."""

import os
from pathlib import Path
from types import ModuleType
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric
from torch import nn

from fdkd.algorithms import Algorithm, StudentWithHeads
from fdkd.algorithms.teacher import teacher_configs
from fdkd.apis.evaluate import Evaluation, alone, evaluate, test_loader
from fdkd.apis.presentation import classification, segmentation
from fdkd.apis.provenance import environment, seconds_running
from fdkd.engine.data_watch import skipped
from fdkd.engine.runner import Runner
from fdkd.errors import DataError
from fdkd.evaluation import ClassificationMetric
from fdkd.files import finite, write_json

RESULTS_FILE = 'results.json'


def report(runner: Runner) -> dict[str, Any]:
    """Evaluates the last epoch's student, and its teacher where the test set has its modality, and tells the results.

    Returns:
        What ``results.json`` holds.
    """
    cfg, algorithm = runner.cfg, runner.algorithm
    models = {
        name: alone(network, modality, algorithm)
        for name, (modality, network) in algorithm.networks.items()
        if name == 'student' or _may_be_scored(name, network, algorithm)
    }
    if algorithm.heads:
        models['student'] = StudentWithHeads(algorithm)
    loader = test_loader(cfg, models['student'].modality)
    evaluations = {'student': evaluate(models['student'], loader, cfg.test_evaluator, 'testing the student')}
    for name in [name for name in models if name != 'student']:
        try:
            loader = test_loader(cfg, models[name].modality)
        except DataError as error:  # a test set without the teacher's sensor is what the student is trained for
            del models[name]
            if is_main_process():
                print(f'the {name} is not scored: {error}')
            continue
        evaluations[name] = evaluate(models[name], loader, cfg.test_evaluator, f'testing the {name}')
    about = {'epoch': runner.epoch, 'selection': 'last epoch'}
    if shares := runner.message_hub.get_info('gradient_share'):  # where GradientShareHook measured them
        about['gradient_share'] = shares
    if (unread := skipped(runner)) is not None:
        about['skipped'] = unread
    results = present(cfg, models, evaluations, about, Path(runner.work_dir))
    if is_main_process():
        print(f'results, pictures, log and checkpoints: {os.path.relpath(runner.work_dir)}')
    return results


def _may_be_scored(name: str, network: nn.Module, algorithm: Algorithm) -> bool:
    """Whether a teacher knows the student's classes; where it does not, it says so."""
    theirs, ours = (getattr(model, 'num_classes', None) for model in (network, algorithm.student))
    if theirs == ours and not getattr(network, 'head_is_new', False):
        return True
    if is_main_process():
        known = f'{theirs} classes, not the {ours} of the data' if theirs and theirs != ours else 'no classes'
        print(f'the {name} is not scored: it was trained on {known}')
    return False


def present(
    cfg: Config,
    models: dict[str, Algorithm],
    evaluations: dict[str, Evaluation],
    about: dict[str, Any],
    folder: Path,
) -> dict[str, Any]:
    """Writes ``results.json`` and the task's files to ``folder`` and prints the table, on the main process.

    Args:
        cfg: Config of the run.
        models: What was evaluated, by ``'student'`` and ``'teacher'``, or of several ``'teacher NAME'``.
        evaluations: What was found, by the same names.
        about: What ``results.json`` says beside the figures: ``epoch`` and ``selection``, whose weights these are.
        folder: Where the files go; made where absent.

    Returns:
        What ``results.json`` holds.
    """
    scores = {name: evaluation.scores for name, evaluation in evaluations.items()}
    metrics = {name: evaluation.metric for name, evaluation in evaluations.items()}
    results = {**description(cfg), **about, **scores}
    if is_main_process():
        folder.mkdir(parents=True, exist_ok=True)
        task = presentation(metrics['student'])
        task.draw(cfg, models, metrics, folder)
        write_results(results, folder)  # last: where it is, all is there
        print(task.table(results))
    return results


def presentation(metric: BaseMetric) -> ModuleType:
    """How the task that ``metric`` scores is shown, a module of :mod:`fdkd.apis.presentation`."""
    return classification if isinstance(metric, ClassificationMetric) else segmentation


def description(cfg: Config) -> dict[str, Any]:
    """What the figures were made with: see :mod:`fdkd.apis.provenance`; ``epochs`` is what the config trains for."""
    return {
        'config': cfg.filename,
        'config_hash': cfg.config_hash,
        'seed': cfg.randomness.seed,
        'epochs': (cfg.get('train_cfg') or {}).get('max_epochs'),
        'teacher_checkpoint': _checkpoints(cfg),
        'data_root': cfg.test_dataloader.dataset.data_root,
        'data_hash': cfg.get('data_hash'),
        **environment(),
        'seconds': seconds_running(),
    }


def _checkpoints(cfg: Config) -> str | dict[str, str | None] | None:
    """The teacher's checkpoint, or those of several by name."""
    found = {name: teacher.get('checkpoint') for name, teacher in teacher_configs(cfg.model).items()}
    return found if 'teachers' in cfg.model else found.get('teacher')


def write_results(results: dict[str, Any], folder: Path) -> None:
    """Writes ``results.json`` in one step; undefined figures (classes that never occur) become null."""
    write_json(folder / RESULTS_FILE, finite(results))
