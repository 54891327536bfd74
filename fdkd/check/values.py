"""Values of a config of the right type that cannot be meant, and parts that a part needs beside it."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from fdkd.check.registries import LOADERS, registry_of

#: Hook by the method of a loss that the hook calls before training.
_STAGES = {'prompted': 'LearnPrompts'}
#: Least value by dotted path.
_LEAST = {
    'train_cfg.max_epochs': 1,
    'train_dataloader.batch_size': 1,
    'val_dataloader.batch_size': 1,
    'test_dataloader.batch_size': 1,
    'train_dataloader.num_workers': 0,
    'val_dataloader.num_workers': 0,
    'test_dataloader.num_workers': 0,
    'randomness.seed': 0,
}


def wrong_values(cfg: Config) -> Iterator[str]:
    """A sentence for each number that is too small, pipeline without a step, and loss whose first stage is missing."""
    for path, least in _LEAST.items():
        section, key = path.split('.')
        node = cfg.get(section)
        value = node.get(key) if isinstance(node, Mapping) else None
        if value is None or (isinstance(value, str) and key != 'seed'):  # strings are of a wrong type, said elsewhere
            continue
        if not isinstance(value, int) or value < least:
            yield f'{path}: {value!r}, expected a whole number of {least} or more'
    seed = cfg.get('randomness', {}).get('seed') if isinstance(cfg.get('randomness', {}), Mapping) else None
    if isinstance(seed, int) and seed >= 2**32:
        yield f'randomness.seed: {seed}, expected a whole number below 2**32'
    for name in LOADERS:
        dataset = (cfg.get(name) or {}).get('dataset') if isinstance(cfg.get(name) or {}, Mapping) else None
        if isinstance(dataset, Mapping) and not dataset.get('pipeline', ('given elsewhere',)):
            yield f'{name}.dataset.pipeline: has no step; it needs those that read each modality and one that packs'
    model = cfg.get('model')
    if isinstance(model, Mapping) and isinstance(model.get('losses'), Mapping):
        if not model['losses']:
            yield 'model.losses: empty; name a distillation loss, or train the student as a SingleModality'
        yield from _stages(cfg)


def _stages(cfg: Config) -> Iterator[str]:
    """Losses that would train on what a hook should have learnt before: silently, on its random start."""
    there = {_name(hook) for hook in (*(cfg.get('custom_hooks') or ()), *(cfg.get('default_hooks') or {}).values())}
    for name, loss in cfg.model['losses'].items():
        kind = loss.get('type') if isinstance(loss, Mapping) else None
        found = kind if inspect.isclass(kind) else registry_of('DISTILL_LOSSES').get(kind) if kind else None
        for method, hook in _STAGES.items():
            if hasattr(found, method) and hook not in there:
                yield (
                    f"model.losses.{name}: {_name(loss)} learns in a stage before training: add dict(type='{hook}') to "
                    'custom_hooks'
                )


def _name(node: Any) -> str:
    kind = node.get('type') if isinstance(node, Mapping) else type(node)
    return kind.removeprefix('fdkd.') if isinstance(kind, str) else getattr(kind, '__name__', '')
