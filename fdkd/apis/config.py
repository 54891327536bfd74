"""From a config file and options to the complete config of one run."""

import hashlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.registry import init_default_scope

from fdkd.apis.options import RunOptions
from fdkd.apis.validate import dataset_classes, validate
from fdkd.datasets.fingerprint import data_hash
from fdkd.engine.console import import_quietly
from fdkd.engine.launch import from_rank_zero, wrapper_config
from fdkd.errors import ConfigError

#: What decides the weights that a training ends with; everything else may change without invalidating them.
_HASHED_KEYS = (
    'load_from',
    'model',
    'train_dataloader',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'randomness',
    'custom_hooks',
)
#: Entries below those keys that only say where things lie or how fast they are read or updated, exactly or up to
#: rounding; the data count by their hash.
NOT_HASHED = (
    'num_workers',
    'persistent_workers',
    'pin_memory',
    'val_interval',
    'data_root',
    'cache',
    'cache_folder',
    'fused',
    'foreach',
)


def load_config(path: str | Path, options: RunOptions) -> Config:
    """Reads a config, applies the options, completes what can be derived, and validates the result.

    Completed are: the modalities that each data loader reads (training: all that the algorithm needs, of which the
    teacher's, and beside a teacher the label, may be missing; evaluation: the student's alone), how their samples make
    a batch (pinned, where there is a GPU), the number of classes of a ``Classifier``, TensorBoard curves where
    TensorBoard is installed, ``data_hash`` (``None`` where the data are absent) and ``config_hash``.

    Raises:
        ConfigError: If the file is absent or cannot be read, or with every mistake that validation finds.
    """
    cfg = read_config_file(Path(path))
    all_options(cfg, options).apply(cfg)
    merge_changes(cfg, options.cfg_options)
    import_quietly('mmseg.datasets', 'mmseg.models')
    init_default_scope(cfg.get('default_scope', 'fdkd'))
    fill_classes(cfg)
    validate(cfg, str(path))
    choose_modalities(cfg)
    _add_tensorboard(cfg)
    cfg.model_wrapper_cfg = wrapper_config(cfg)
    root = cfg.train_dataloader.dataset.get('data_root')
    cfg.data_hash = from_rank_zero(data_hash, root) if root else None
    cfg.config_hash = config_hash(cfg)
    return cfg


def all_options(cfg: Config, options: RunOptions) -> RunOptions:
    """The options of the command line over the config's own ``run_options``."""
    return options.over(cfg.get('run_options', {}), cfg.filename)


def run_name(path: str | Path) -> str:
    """The run's name after its config's place, for example ``fdkd/nyu_rgb_from_depth``."""
    path = Path(path).resolve()
    return f'{path.parent.name}/{path.stem}'


def config_hash(cfg: Config) -> str:
    """Twelve hexadecimal digits that change with anything that decides the trained weights, the data included."""
    decisive = without({key: cfg.get(key) for key in (*_HASHED_KEYS, 'data_hash')}, NOT_HASHED)
    decisive['world_size'] = get_world_size()  # the total batch grows with it
    return hashlib.sha256(json.dumps(decisive, sort_keys=True, default=str).encode()).hexdigest()[:12]


def read_config_file(path: Path) -> Config:
    """The config in a file.

    Raises:
        ConfigError: If the file is absent or does not run.
    """
    if not path.is_file():
        raise ConfigError(f'{path}: no such config file')
    try:
        return Config.fromfile(path)
    except Exception as error:  # a config is a program: whatever it raises is a mistake in it
        raise ConfigError(f'{path}: cannot be read: {type(error).__name__}: {error}') from error


def merge_changes(cfg: Config, changes: dict[str, Any]) -> None:
    """Makes ``--cfg-options`` of a config, in place.

    Raises:
        ConfigError: If a path leads nowhere, or an option of its own does the same.
    """
    if late := [key for key in changes if key.split('.')[0] == 'run_options']:
        raise ConfigError(f'--cfg-options {late[0]}: use the option itself, for example --epochs')
    try:
        cfg.merge_from_dict(changes)
    except (AssertionError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f'--cfg-options {" ".join(changes)}: {type(error).__name__}: {error}') from error


def fill_classes(cfg: Config) -> None:
    """Tells every ``Classifier`` the number of the data set's classes, where its config does not."""
    classes = dataset_classes(cfg)
    for node in _nodes(cfg.get('model')):
        if node.get('type') in ('Classifier', 'fdkd.Classifier') and classes is not None:
            node.setdefault('num_classes', len(classes))


def _nodes(node: Any) -> Iterator[dict]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _nodes(value)


def choose_modalities(cfg: Config) -> None:
    """Tells the loaders which modalities to read, and how their samples make a batch, where their configs do not."""
    model = cfg.model
    student = model.get('student', model)['modality']
    taught_by = [model.teacher.modality] if 'teacher' in model else []
    for name, modalities in (('train', [student, *taught_by]), ('val', [student]), ('test', [student])):
        if loader := cfg.get(f'{name}_dataloader'):
            loader.dataset.setdefault('modalities', modalities)
            loader.setdefault('collate_fn', {'type': 'fdkd.collate_pairs'})
            loader.setdefault('pin_memory', torch.cuda.is_available())
    if taught_by:
        cfg.train_dataloader.dataset.setdefault('optional', [*taught_by, 'label'])


def _add_tensorboard(cfg: Config) -> None:
    backends = cfg.get('visualizer', {}).get('vis_backends')
    if backends is not None and importlib.util.find_spec('tensorboard'):
        backends.append({'type': 'TensorboardVisBackend'})


def without(node: Any, keys: tuple[str, ...]) -> Any:
    """``node`` without the entries of these keys, at any depth."""
    if isinstance(node, dict):
        return {key: without(value, keys) for key, value in node.items() if key not in keys}
    if isinstance(node, (list, tuple)):
        return [without(value, keys) for value in node]
    return node
