"""Running a trained model over a data set, without a training runner around it."""

import copy
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Dataset

from fdkd.algorithms import Algorithm, SingleModality
from fdkd.engine.console import bar_over, tell_once


class Evaluation(NamedTuple):
    """What an evaluation found.

    Attributes:
        scores: ``modality``, ``samples`` (their number), ``metrics`` (name to value) and, on the main process,
            ``per_class`` (class to name to value) and what the metric keeps in ``per_sample``, as they stand in
            ``results.json``.
        metric: The metric itself, which on the main process keeps what only pictures and lists show.
    """

    scores: dict[str, Any]
    metric: BaseMetric


def test_loader(cfg: Config, modality: str) -> DataLoader:
    """The config's test data, read in one modality alone."""
    loader = copy.deepcopy(cfg.test_dataloader)
    loader.dataset.modalities = [modality]
    loader.num_workers, loader.persistent_workers = min(loader.num_workers, 2), False
    return Runner.build_dataloader(loader, seed=cfg.randomness.seed)


def alone(model: torch.nn.Module, modality: str, like: Algorithm) -> Algorithm:
    """``model`` as an algorithm of its own, with the preprocessing and on the device of another."""
    algorithm = SingleModality(modality, model)
    algorithm.data_preprocessor = like.data_preprocessor
    return algorithm


def evaluate(algorithm: Algorithm, loader: DataLoader, evaluator: dict, title: str) -> Evaluation:
    """Predicts every sample of ``loader``, shared among the ranks, and scores the predictions.

    What the data set has to say of itself (samples that are missing, for example) is printed first, once in a process.

    Args:
        algorithm: What predicts, in evaluation mode afterwards.
        loader: The samples, in the algorithm's modality.
        evaluator: Config of the metric.
        title: What the progress bar says.
    """
    for notice in getattr(loader.dataset, 'notices', ()):
        tell_once(notice)
    evaluation = Evaluator(evaluator)
    evaluation.dataset_meta = loader.dataset.metainfo
    algorithm.eval()
    batches = bar_over(loader, title)
    with torch.no_grad():
        for batch in batches:
            evaluation.process(data_samples=algorithm.test_step(batch), data_batch=batch)
    metrics, metric = evaluation.evaluate(len(loader.dataset)), evaluation.metrics[0]
    scores = {'modality': algorithm.modality, 'samples': len(loader.dataset), 'metrics': metrics, 'per_class': {}}
    if is_main_process():
        scores |= {'per_class': metric.per_class, **getattr(metric, 'per_sample', {})}
    return Evaluation(scores, metric)


def test_set(cfg: Config, modality: str) -> Dataset:
    """The config's test samples in one modality alone, in the order of :func:`test_loader`'s."""
    config = copy.deepcopy(cfg.test_dataloader.dataset)
    config.modalities = [modality]
    return DATASETS.build(config)
