"""The sections of a config around its model: whether everything that they name can be built."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

from fdkd.check.findings import Findings
from fdkd.datasets.base import CACHES
from fdkd.errors import DataError
from fdkd.registry import DATASETS, HOOKS, LOG_PROCESSORS, METRICS, PARAM_SCHEDULERS, TRANSFORMS

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
#: A folder that is nowhere, so that a data set is built as far as it comes without data.
_NOWHERE = Path('/nonexistent/no data are read')


def check_sections(cfg: Config, found: Findings) -> None:
    """Builds optimizer, schedules, hooks, metrics, data sets without data and steps of pipelines, each by itself."""
    optimizer = _optimizer(cfg, found)
    for path, build in _parts(cfg, optimizer):
        with found.noting(path):
            build()


def _parts(cfg: Config, optimizer: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What can be built by itself, and how."""
    for index, entry in enumerate(_listed(cfg.get('param_scheduler')) if optimizer else ()):
        yield f'param_scheduler[{index}]', lambda entry=entry: _scheduler(entry, optimizer)
    hooks = {f'default_hooks.{name}': hook for name, hook in (cfg.get('default_hooks') or {}).items()}
    hooks |= {f'custom_hooks[{index}]': hook for index, hook in enumerate(cfg.get('custom_hooks') or ())}
    for path, hook in hooks.items():
        if isinstance(hook, dict):
            yield path, lambda hook=hook: HOOKS.build(copy.deepcopy(hook))
    for name in ('val_evaluator', 'test_evaluator'):
        for metric in _listed(cfg.get(name)):
            yield name, lambda metric=metric: METRICS.build(copy.deepcopy(metric))
    if cfg.get('log_processor'):
        yield 'log_processor', lambda: LOG_PROCESSORS.build(copy.deepcopy(cfg.log_processor))
    for name in _LOADERS:
        dataset = (cfg.get(name) or {}).get('dataset')
        if isinstance(dataset, dict):
            yield f'{name}.dataset', lambda dataset=dataset: _dataset(dataset)
            for index, step in enumerate(dataset.get('pipeline', ())):
                if str(step.get('type')).removeprefix('fdkd.') != 'Tokenize':  # it needs a vocabulary
                    yield f'{name}.dataset.pipeline[{index}]', lambda step=step: TRANSFORMS.build(copy.deepcopy(step))


def _listed(node: Any) -> list[dict]:
    return [node] if isinstance(node, dict) else list(node or ())


def _optimizer(cfg: Config, found: Findings) -> Any:
    """The optimizer of a layer, in its wrapper."""
    if not isinstance(wrapper := copy.deepcopy(cfg.get('optim_wrapper')), dict):
        return None
    optimizer = wrapper.get('optimizer', {})
    if optimizer.get('type') == 'ZeroRedundancyOptimizer':  # it takes a process group to shard among
        optimizer['type'] = optimizer.pop('optimizer_type', 'SGD')
    with found.noting('optim_wrapper'):
        return build_optim_wrapper(nn.Linear(1, 1), wrapper)
    return None


def _scheduler(entry: dict, optimizer: Any) -> None:
    settings = {**copy.deepcopy(entry), 'optimizer': optimizer}
    if settings.pop('convert_to_iter_based', False):
        PARAM_SCHEDULERS.get(settings.pop('type')).build_iter_from_epoch(**settings, epoch_length=10)
    else:
        PARAM_SCHEDULERS.build(settings)


def _dataset(config: dict) -> None:
    """As far as the first look for a file."""
    cls = DATASETS.get(config['type'])
    settings = {**copy.deepcopy(config), 'pipeline': [], 'data_root': str(_NOWHERE)}
    settings.pop('type')
    if settings.get('cache') in CACHES:  # what it keeps is built from data
        settings.pop('cache')
    try:
        cls(**settings)
    except (DataError, FileNotFoundError):
        return
