"""From a config file and options to the complete config of one run."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.registry import init_default_scope

from fdkd.algorithms.teacher import teacher_configs
from fdkd.apis.inheritance import inheriting
from fdkd.apis.options import RunOptions
from fdkd.apis.own_modules import import_own
from fdkd.apis.starting_weights import nodes, unused
from fdkd.apis.tracking import add_trackers
from fdkd.apis.validate import dataset_classes, validate
from fdkd.datasets.fingerprint import data_hash, kinds_to_read
from fdkd.engine.console import import_quietly, tell_once
from fdkd.engine.launch import from_rank_zero, wrapper_config
from fdkd.errors import ConfigError, FdkdError
from fdkd.models.foreign import is_foreign
from fdkd.packaged import broken_link, find_config, near_config, shown

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
    'on_error',  # a training that ends under 'raise' ends with the same weights under 'skip'
    'fused',
    'foreach',
)


def load_config(path: str | Path, options: RunOptions) -> Config:
    """Reads a config, applies the options, completes what can be derived, and validates the result.

    Completed are: the modalities that each data loader reads (training: all that the algorithm needs, of which the
    teacher's, and beside a teacher the label, may be missing; evaluation: the student's alone), how their samples make
    a batch (pinned, where there is a GPU), the number of classes of a ``Classifier``, the trackers that
    ``track`` names and TensorBoard where it is installed, ``data_hash`` (``None`` where the data are absent) and
    ``config_hash``.

    Raises:
        ConfigError: If the file is absent or cannot be read, with every mistake that validation finds, or if an
            evaluation is to skip samples.
    """
    cfg = read_config_file(Path(path))
    import_quietly('mmseg.datasets', 'mmseg.models')
    init_default_scope(cfg.get('default_scope', 'fdkd'))
    try:
        all_options(cfg, options).apply(cfg)
    except (AttributeError, TypeError) as error:  # there is nothing where an option would be
        fill_classes(cfg)
        validate(cfg, shown(path))
        raise ConfigError(f'{shown(path)}: the options cannot be applied to it: {error}') from error
    merge_changes(cfg, options.cfg_options)
    fill_classes(cfg)
    validate(cfg, shown(path))
    _refuse_skipping(cfg)
    choose_modalities(cfg)
    add_trackers(cfg)
    cfg.model_wrapper_cfg = wrapper_config(cfg)
    dataset = cfg.train_dataloader.dataset
    root, read = dataset.get('data_root'), kinds_to_read(dataset.get('pipeline'))
    cfg.data_hash = from_rank_zero(data_hash, root, read) if root else None
    cfg.config_hash = config_hash(cfg)
    return cfg


def all_options(cfg: Config, options: RunOptions) -> RunOptions:
    """The options of the command line over the config's own ``run_options``."""
    return options.over(cfg.get('run_options', {}), cfg.filename)


def tell_unused(cfg: Config, options: RunOptions) -> None:
    """Says which options change nothing in a config, see :func:`~fdkd.apis.starting_weights.unused`."""
    for sentence in unused(cfg, options.pretrained, options.text_model):
        tell_once(sentence)


def run_name(path: str | Path) -> str:
    """The run's name after its config's place, for example ``fdkd/nyu_rgb_from_depth``."""
    path = find_config(path).resolve()
    return f'{path.parent.name}/{path.stem}'


def config_hash(cfg: Config) -> str:
    """Twelve hexadecimal digits that change with anything that decides the trained weights, the data included."""
    decisive = without({key: cfg.get(key) for key in (*_HASHED_KEYS, 'data_hash')}, NOT_HASHED)
    decisive['world_size'] = get_world_size()  # the total batch grows with it
    if averaging := [hook for hook in (cfg.get('default_hooks') or {}).values() if _averages(hook)]:
        decisive['averaging'] = averaging  # which custom_hooks have among them
    return hashlib.sha256(json.dumps(decisive, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _averages(hook: Any) -> bool:
    kind = hook.get('type') if isinstance(hook, dict) else None
    return getattr(kind, '__name__', str(kind)).rpartition('.')[2] == 'EMAHook'


def read_config_file(path: Path) -> Config:
    """The config in a file, which may also be one that comes with fdkd, see :func:`fdkd.packaged.find_config`.

    It may inherit from such by name (:func:`~fdkd.apis.inheritance.inheriting`), and the modules that it names in
    ``custom_imports`` may lie beside it, or beside a config in its ``_base_``
    (:func:`~fdkd.apis.own_modules.import_own`).

    Raises:
        ConfigError: If the file is absent or does not run.
    """
    path = find_config(path)
    if not path.is_file():
        near = near_config(path)
        hint = broken_link(path) or (f'did you mean {near}?' if near else '')
        raise ConfigError(f'{path}: no such config file' + (f'; {hint}' if hint else ''))
    try:
        with inheriting() as bases:
            cfg = Config.fromfile(path, import_custom_modules=False)
    except FdkdError:
        raise
    except (Exception, SystemExit) as error:  # a config is a program: whatever it raises is a mistake in it
        if isinstance(error, UnboundLocalError) and error.__context__:  # MMEngine had no place for temporary files
            error = error.__context__
        raise ConfigError(f'{shown(path)}: cannot be read: {type(error).__name__}: {error}') from error
    import_own(cfg, [path, *bases])
    return cfg


def merge_changes(cfg: Config, changes: dict[str, Any]) -> None:
    """Makes ``--cfg-options`` of a config, in place, and imports the modules that they name in ``custom_imports``.

    Raises:
        ConfigError: If a path leads nowhere, an option of its own does the same, or a module cannot be imported.
    """
    if late := [key for key in changes if key.split('.')[0] == 'run_options']:
        raise ConfigError(f'--cfg-options {late[0]}: use the option itself, for example --epochs')
    try:
        cfg.merge_from_dict(changes)
    except (AssertionError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f'--cfg-options {" ".join(changes)}: {type(error).__name__}: {error}') from error
    if any(key.split('.')[0] == 'custom_imports' for key in changes):
        import_own(cfg, [Path(cfg.filename)])


def fill_classes(cfg: Config) -> None:
    """Tells models whose config does not say it the number of the data set's classes.

    These are classifiers, features stored for one, and models of other libraries, of which a teacher with pretrained
    weights keeps the classes of these.
    """
    classes = dataset_classes(cfg)
    model = cfg.get('model') or {}
    taught_by = [model.get('teacher'), model.get('teachers')] if isinstance(model, dict) else []
    teachers = {id(node) for part in taught_by for node in nodes(part)}
    for node in nodes(model) if classes is not None else ():
        own = str(node.get('type')).removeprefix('fdkd.') in ('Classifier', 'StoredFeatures')
        if own or (is_foreign(node) and not (node.get('pretrained') and id(node) in teachers)):
            node.setdefault('num_classes', len(classes))


def choose_modalities(cfg: Config) -> None:
    """Tells the loaders which modalities to read, and how their samples make a batch, where their configs do not."""
    model = cfg.model
    student = model.get('student', model)['modality']
    taught_by = list(dict.fromkeys(teacher['modality'] for teacher in teacher_configs(model).values()))
    for name, modalities in (('train', [student, *taught_by]), ('val', [student]), ('test', [student])):
        if loader := cfg.get(f'{name}_dataloader'):
            loader.dataset.setdefault('modalities', modalities)
            loader.setdefault('collate_fn', {'type': 'fdkd.collate_pairs'})
            loader.setdefault('pin_memory', torch.cuda.is_available())
    if taught_by:
        cfg.train_dataloader.dataset.setdefault('optional', [*taught_by, 'label'])


def _refuse_skipping(cfg: Config) -> None:
    """Figures over fewer samples than the test set has would not say so wherever they are quoted."""
    for name in ('val_dataloader', 'test_dataloader'):
        if (cfg.get(name) or {}).get('dataset', {}).get('on_error', 'raise') == 'skip':
            raise ConfigError(
                f"{name}.dataset.on_error='skip': an evaluation scores every sample or none; set it in "
                'train_dataloader.dataset alone'
            )


def without(node: Any, keys: tuple[str, ...]) -> Any:
    """``node`` without the entries of these keys, at any depth."""
    if isinstance(node, dict):
        return {key: without(value, keys) for key, value in node.items() if key not in keys}
    if isinstance(node, (list, tuple)):
        return [without(value, keys) for value in node]
    return node
