"""The hook that gives a distiller its teacher cache, where one can be had."""

from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from fdkd.algorithms.distiller import CrossModalDistiller
from fdkd.engine.teacher_cache.cache import TeacherCache
from fdkd.engine.teacher_cache.key import belongs, key
from fdkd.errors import ConfigError
from fdkd.registry import HOOKS


@HOOKS.register_module()
class TeacherCacheHook(Hook):
    """Keeps what a frozen teacher's taps read, so that it runs once for each sample and view, in this run or another.

    A row that is read back is bit by bit what the teacher gave when it was computed. That was in a batch of other
    samples, and where a device computes a row differently beside others, training differs by that rounding. The folder
    of a cache is named after all that decides the tensors (:func:`~fdkd.engine.teacher_cache.key.belongs`); caches of
    other teachers, data or taps lie beside it and are neither used nor touched. Several processes of one machine may
    share it, and a run that was killed is continued with the rows that it left.

    After each epoch the log says how many rows were read, computed, and found damaged.

    Args:
        folder: Where the folders of all caches lie.
        max_gb: Largest size of this one with all its rows, in GiB.

    Raises:
        ConfigError: At the start of training, where the tensors of a sample differ from epoch to epoch, or once the
            first batch shows that they take more room than ``max_gb`` or than the disk has.
    """

    def __init__(self, folder: str = 'work_dirs/teacher_cache', max_gb: float = 20.0) -> None:
        self.folder, self.max_gb = Path(folder), max_gb
        self._cache: TeacherCache | None = None

    def before_train(self, runner: Runner) -> None:
        algorithm, dataset = runner.algorithm, runner.train_dataloader.dataset
        if reasons := refusals(algorithm, dataset):
            lines = ''.join(f'\n  {number}. {reason}' for number, reason in enumerate(reasons, 1))
            raise ConfigError(f"--cache-teacher: the teacher's tensors cannot be kept:{lines}")
        parts, modality = belongs(runner), algorithm.teacher_modality
        views = dataset.views[modality] if dataset.random_steps(modality) else 1
        self._cache = algorithm.teacher_cache = TeacherCache(
            self.folder / key(parts), len(dataset), views, parts, self.max_gb, runner.logger
        )

    def before_train_epoch(self, runner: Runner) -> None:
        self._cache.counts.clear()

    def after_train_epoch(self, runner: Runner) -> None:
        ranks = all_gather_object(dict(self._cache.counts))
        read, computed, damaged = (sum(rank.get(name, 0) for rank in ranks) for name in ('read', 'computed', 'damaged'))
        because = f', {damaged:,} of these because what was kept is damaged' if damaged else ''
        runner.logger.info(
            f'epoch {runner.epoch + 1}: the tensors of the teacher were read {read:,} times and computed '
            f'{computed:,} times{because}'
        )

    def after_train(self, runner: Runner) -> None:
        runner.algorithm.teacher_cache = None
        self._cache.close()


def refusals(algorithm: nn.Module, dataset: Dataset) -> list[str]:
    """Why the tensors of an algorithm's teacher cannot be kept, each with the way out; empty where they can."""
    name = type(algorithm).__name__
    if not isinstance(algorithm, CrossModalDistiller):
        return [f'{name} has no frozen teacher: only that of a CrossModalDistiller gives the same for a sample twice']
    if len(algorithm.teachers) > 1:
        return [f'there are several teachers ({", ".join(algorithm.teachers)}), and a cache keeps the tensors of one']
    if next(algorithm.teacher.parameters(), None) is None:
        return [f'{type(algorithm.teacher).__name__} has no weights: what it gives is read from files as it is']
    reasons = []
    if training := [where or 'all of it' for where, part in algorithm.teacher.named_modules() if part.training]:
        reasons.append(
            f'the teacher is not in evaluation mode ({training[0]}), so dropout and batch statistics change what it '
            'gives: leave it in eval()'
        )
    return reasons + _data_refusals(dataset, algorithm.teacher_modality)


def _data_refusals(dataset: Any, modality: str) -> list[str]:
    if not hasattr(dataset, 'random_steps'):
        return [
            f'{type(dataset).__name__} does not say which steps of its pipeline are random (random_steps), as a '
            'MultimodalDataset does'
        ]
    steps = dataset.random_steps(modality)
    if steps and modality not in dataset.views:
        return [
            f'augmentation changes what the teacher sees of a sample ({modality}) in every epoch: '
            f'{", ".join(steps)}. Either keep a number of views of each sample with --views N, or take these steps '
            'off train_dataloader.dataset.pipeline'
        ]
    return []
