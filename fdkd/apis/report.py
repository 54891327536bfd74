"""What a run leaves behind: a table, a picture and a JSON file."""

import copy
import json
import math
import os
import platform
from pathlib import Path
from typing import Any

import mmengine
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.registry import DATASETS
from prettytable import PrettyTable

from fdkd.algorithms import Algorithm
from fdkd.apis.evaluate import alone, evaluate, test_loader
from fdkd.engine.runner import Runner
from fdkd.evaluation.picture import colourise, depth_image, write_picture
from fdkd.version import __version__

RESULTS_FILE = 'results.json'
PICTURE_FILE = 'predictions.png'
FRAMES_IN_PICTURE = 4


def report(runner: Runner) -> dict[str, Any]:
    """Evaluates the last epoch's student, and its teacher, on the test set; prints and writes what it finds.

    Returns:
        What ``results.json`` holds.
    """
    cfg, algorithm = runner.cfg, runner.algorithm
    models = {'student': alone(algorithm.student, algorithm.modality, algorithm)}
    if 'teacher' in cfg.model:
        models['teacher'] = alone(algorithm.teacher, algorithm.teacher_modality, algorithm)
    scores = {
        name: evaluate(model, test_loader(cfg, model.modality), cfg.test_evaluator, f'testing the {name}')
        for name, model in models.items()
    }
    results = {**description(cfg), 'epoch': runner.epoch, 'selection': 'last epoch', **scores}
    if is_main_process():
        write_results(results, Path(runner.work_dir))
        draw(cfg, models, Path(runner.work_dir) / PICTURE_FILE)
        print(table(results))
        print(f'results, picture, log and checkpoints: {os.path.relpath(runner.work_dir)}')
    return results


def description(cfg: Config) -> dict[str, Any]:
    """What the figures were made with."""
    return {
        'config': cfg.filename,
        'config_hash': cfg.config_hash,
        'seed': cfg.randomness.seed,
        'teacher_checkpoint': cfg.model.get('teacher', {}).get('checkpoint'),
        'data_root': cfg.test_dataloader.dataset.data_root,
        'device': torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or 'cpu',
        'versions': {'fdkd': __version__, 'torch': torch.__version__, 'mmengine': mmengine.__version__},
    }


def write_results(results: dict[str, Any], folder: Path) -> None:
    """Writes ``results.json`` in one step; undefined figures (classes that never occur) become null."""
    partial = folder / f'{RESULTS_FILE}.partial'
    partial.write_text(json.dumps(_without_nan(results), indent=2) + '\n')
    partial.replace(folder / RESULTS_FILE)


def table(results: dict[str, Any]) -> str:
    """Per-class IoU, then the means: the student beside its teacher. Classes that never occur are left out."""
    models = [name for name in ('student', 'teacher') if name in results]
    drawn = PrettyTable(['IoU (%)', *(f'{name} ({results[name]["modality"]})' for name in models)])
    drawn.align, drawn.align['IoU (%)'] = 'r', 'l'
    for label in results[models[0]]['per_class']:
        figures = [results[name]['per_class'][label]['IoU'] for name in models]
        if not all(math.isnan(figure) for figure in figures):
            drawn.add_row([label, *map(_figure, figures)])
    drawn.add_divider()
    for metric, title in (('mIoU', 'mean IoU'), ('mAcc', 'mean accuracy'), ('aAcc', 'pixel accuracy')):
        drawn.add_row([title, *(_figure(results[name]['metrics'][metric]) for name in models)])
    drawn.title = f'{results["config"]}: {results["selection"]} ({results["epoch"]}), test set, seed {results["seed"]}'
    return drawn.get_string()


def draw(cfg: Config, models: dict[str, Algorithm], path: Path) -> None:
    """Writes the picture: some test frames in both modalities, the truth and each model's prediction."""
    config = copy.deepcopy(cfg.test_dataloader.dataset)
    config.modalities = [model.modality for model in models.values()]
    dataset = DATASETS.build(config)
    palette, classes = dataset.metainfo['palette'], dataset.metainfo['classes']
    indices = np.linspace(0, len(dataset) - 1, min(FRAMES_IN_PICTURE, len(dataset)), dtype=int)
    samples = [dataset[int(index)] for index in indices]
    labels = [sample['data_samples'].gt_sem_seg.data[0].numpy() for sample in samples]
    columns = {
        modality: [_show(modality, sample['inputs'][modality].numpy()) for sample in samples]
        for modality in sorted(config.modalities, reverse=True)
    }
    columns['truth'] = [colourise(label, palette) for label in labels]
    for name, model in models.items():
        predictions = [_predict(model, sample) for sample in samples]
        columns[f'{name} ({model.modality})'] = [colourise(label, palette) for label in predictions]
    write_picture(path, columns, labels, classes, palette)


@torch.no_grad()
def _predict(model: Algorithm, sample: dict[str, Any]) -> np.ndarray:
    batch = {
        'inputs': {model.modality: [sample['inputs'][model.modality]]},
        'data_samples': [copy.deepcopy(sample['data_samples'])],
    }
    return model.test_step(batch)[0].pred_sem_seg.data[0].cpu().numpy()


def _show(modality: str, x: np.ndarray) -> np.ndarray:
    return depth_image(x[0]) if modality == 'depth' else x.transpose(1, 2, 0)


def _figure(value: float) -> str:
    return '-' if math.isnan(value) else f'{value:.2f}'


def _without_nan(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_nan(value) for key, value in node.items()}
    return None if isinstance(node, float) and not math.isfinite(node) else node
