"""Whether the parts of a config are where, and what, a training takes them to be."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from fdkd.check.registries import LOADERS

#: Sections that are one dictionary with a type, or several in a list.
_LISTS = ('param_scheduler', 'val_evaluator', 'test_evaluator', 'custom_hooks')
_DICTIONARIES = ('optim_wrapper', 'train_cfg', 'default_hooks', 'randomness')


def misplaced(cfg: Config) -> list[str]:
    """A sentence for each part that is no dictionary, or names no type, where a training needs one.

    Sections that are absent, or ``None``, are not judged.
    """
    return [*_model(cfg.get('model')), *_loaders(cfg), *_others(cfg)]


def _model(model: Any) -> Iterator[str]:
    if model is None:
        return
    yield from _typed(model, 'model')
    if not isinstance(model, Mapping):
        return
    if isinstance(model.get('student'), Mapping):
        yield from _typed(model['student'].get('model'), 'model.student.model')
    if 'losses' in model:
        losses = model['losses']
        if not isinstance(losses, Mapping):
            yield f"model.losses: {_shown(losses)}, expected a dictionary, such as dict(feat=dict(type=..., on='feat'))"
            return
        for name, loss in losses.items():
            yield from _typed(loss, f'model.losses.{name}')


def _loaders(cfg: Config) -> Iterator[str]:
    for name in LOADERS:
        loader = cfg.get(name)
        if loader is None:
            continue
        if not isinstance(loader, Mapping):
            yield f'{name}: {_shown(loader)}, expected a dictionary'
            continue
        dataset = loader.get('dataset')
        yield from _typed(dataset, f'{name}.dataset')
        if isinstance(dataset, Mapping):
            yield from _steps(dataset.get('pipeline', ()), f'{name}.dataset.pipeline')


def _steps(pipeline: Any, path: str) -> Iterator[str]:
    if not isinstance(pipeline, (list, tuple)):
        yield f'{path}: {_shown(pipeline)}, expected a list of steps'
        return
    for index, step in enumerate(pipeline):
        if not callable(step):
            yield from _typed(step, f'{path}[{index}]')


def _others(cfg: Config) -> Iterator[str]:
    for name in _DICTIONARIES:
        if not isinstance(cfg.get(name, {}), Mapping):
            yield f'{name}: {_shown(cfg[name])}, expected a dictionary'
    wrapper = cfg.get('optim_wrapper')
    if isinstance(wrapper, Mapping) and 'constructor' not in wrapper:
        yield from _typed(wrapper.get('optimizer'), 'optim_wrapper.optimizer')
    for name in _LISTS:
        entries = cfg.get(name) or ()
        for index, entry in enumerate(entries if isinstance(entries, (list, tuple)) else [entries]):
            if isinstance(entry, (Mapping, str, int, float)):
                yield from _typed(entry, f'{name}[{index}]')


def _typed(node: Any, path: str) -> Iterator[str]:
    if not isinstance(node, Mapping):
        yield f'{path}: {_shown(node)}, expected a dictionary with a type'
    elif 'type' not in node:
        yield f'{path}: names no type'
    elif not (isinstance(node['type'], str) or callable(node['type'])):
        yield f'{path}.type: {_shown(node["type"])}, expected the name of a class'


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'
