"""Checks a whole config before anything runs, and reports every mistake at once."""

import difflib
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry
from torch.utils.data import DataLoader

from fdkd.algorithms.teacher import teacher_configs
from fdkd.check.findings import Findings
from fdkd.check.registries import PARTS, SECTIONS, registry_of
from fdkd.check.sections import check_sections
from fdkd.check.structure import misplaced
from fdkd.check.value_types import wrong_types
from fdkd.check.values import wrong_values
from fdkd.distill.terms import FACTS
from fdkd.errors import ConfigError
from fdkd.models.foreign import is_foreign

#: Keys that are taken off before the rest is passed to what a registry holds.
_TAKEN_OFF = {
    'DISTILL_LOSSES': {'on', 'weight', 'warmup', 'connector', 'teacher'}, 'PARAM_SCHEDULERS': {'convert_to_iter_based'},
    'OPTIM_WRAPPERS': {'constructor', 'paramwise_cfg'},
}  # fmt: skip
#: Arguments that are filled in where a config leaves them out.
_FILLED_IN = {'DISTILL_LOSSES': set(FACTS)}
#: Arguments that the builder passes itself.
_PASSED_BY_BUILDER = {'runner', 'dataloader', 'dataset', 'optimizer', 'params', 'module'}
_REQUIRED = ('model', 'train_dataloader', 'optim_wrapper', 'train_cfg', 'default_hooks', 'randomness')
_KNOWN_KEYS = (
    *_REQUIRED, *SECTIONS, 'val_cfg', 'test_cfg', 'env_cfg', 'default_scope',
    'log_level', 'load_from', 'resume', 'custom_imports', 'work_dir', 'launcher', 'auto_scale_lr', 'model_wrapper_cfg',
    'channels_last', 'compile', 'look_at_every_step', 'track',
)  # fmt: skip


def validate(cfg: Config, source: str) -> None:
    """Refuses a config in which there are :func:`mistakes` or values of a wrong type.

    Raises:
        ConfigError: With all of them, numbered, one a line; ``source`` names the config.
    """
    _refuse([*mistakes(cfg), *(wrong.text for wrong in wrong_types(cfg))], source)


def refuse_unbuildable(cfg: Config, source: str) -> None:
    """Refuses a config whose optimizer, schedules, hooks, metrics or steps of pipelines cannot be built.

    A training would come to the same, but of the last of them after its teacher's training.

    Raises:
        ConfigError: With all of them, as :func:`validate`.
    """
    found = Findings(source)
    check_sections(cfg, found)
    _refuse(found.mistakes, source)


def _refuse(found: Sequence[str], source: str) -> None:
    if found := list(dict.fromkeys(found)):
        lines = ''.join(f'\n  {number}. {mistake}' for number, mistake in enumerate(found, 1))
        raise ConfigError(f'{source}: {len(found)} mistake{"s" if len(found) > 1 else ""}{lines}')


def mistakes(cfg: Config) -> list[str]:
    """Looks up every ``type`` and compares the keys beside it with what that class or function takes.

    What ``custom_imports`` names has been imported, as those do who read a config and who change it.

    Returns:
        A line for each mistake: absent sections, keys that look misspelt, types that are not registered, arguments
        that do not exist or are missing, each with the nearest valid name.
    """
    found = [f'{key}: missing; every training config has one' for key in _REQUIRED if cfg.get(key) is None]
    found += _misspelt(cfg)
    found += misplaced(cfg)
    for key, value in cfg.items():
        if key in SECTIONS:
            found += _check(value, key, SECTIONS[key])
    found += _check_loaders(cfg)
    found += _check_modalities(cfg.get('model'))
    found += _check_classes(cfg)
    found += wrong_values(cfg)
    return list(dict.fromkeys(found))


def dataset_classes(cfg: Config) -> Sequence[str] | None:
    """The classes of the training set, as its config or its class states them; ``None`` where neither does."""
    loader = cfg.get('train_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, dict) else None
    if not isinstance(dataset, dict):
        return None
    found = registry_of('DATASETS').get(dataset['type']) if isinstance(dataset.get('type'), str) else None
    return dataset.get('classes') or getattr(found, 'METAINFO', {}).get('classes')


def _misspelt(cfg: Config) -> list[str]:
    """Top-level keys that nobody reads but that resemble one that is read; others are a config's variables."""
    near = {key: difflib.get_close_matches(key, _KNOWN_KEYS, n=1, cutoff=0.85) for key in cfg if key not in _KNOWN_KEYS}
    return [f'{key}: unknown key; did you mean {names[0]}?' for key, names in near.items() if names]


def _check(node: Any, path: str, registry: str) -> Iterator[str]:
    if isinstance(node, (list, tuple)):
        for index, entry in enumerate(node):
            yield from _check(entry, f'{path}[{index}]', registry)
    if not isinstance(node, dict):
        return
    if 'type' in node:
        yield from _check_call(node, path, registry)
    for key, value in node.items():
        # The names of hooks are free, so none of them changes the registry.
        yield from _check(value, f'{path}.{key}', registry if registry == 'HOOKS' else PARTS.get(key, registry))


def _check_call(node: dict, path: str, registry: str) -> Iterator[str]:
    built = registry_of(registry).get(node['type']) if isinstance(node['type'], str) else node['type']
    if not isinstance(node['type'], str) and not callable(built):
        return  # no name at all, which is said elsewhere
    if built is None:
        names = _names(registry_of(registry))
        near = difflib.get_close_matches(node['type'], names, n=3, cutoff=0.5)
        hint = f'did you mean {" or ".join(near)}?' if near else 'is the module that registers it in custom_imports?'
        yield f'{path}: unknown type {node["type"]!r}; {hint}'
        return
    taken_off = _TAKEN_OFF.get(registry, set())
    given = set(node) - {'type', '_scope_'} - taken_off
    required, allowed, is_open = _arguments(built)
    for key in sorted(given - set(allowed)) if not is_open else ():
        known = [*allowed, *sorted(taken_off)]
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f'did you mean {near[0]}?' if near else f'it takes {", ".join(known) or "none"}'
        yield f'{path}.{key}: {node["type"]} takes no such argument; {hint}'
    required = set() if registry == 'FUNCTIONS' else required  # of a function that is called later
    for key in sorted(required - given - _PASSED_BY_BUILDER - _FILLED_IN.get(registry, set())):
        yield f'{path}: {node["type"]} needs the argument {key}'


def _names(registry: Registry) -> list[str]:
    registry.import_from_location()
    own = list(registry.module_dict)
    return own + (list(registry.parent.module_dict) if registry.parent else [])


def _arguments(built: Any) -> tuple[set[str], list[str], bool]:
    """The arguments that ``built`` requires and takes (also through ``**kwargs`` of its bases), and if it takes any.

    By custom, ``**kwargs`` go to the bases; under another name they are the class's own, and it takes any.
    """
    owners = [cls.__init__ for cls in built.__mro__ if '__init__' in vars(cls)] if inspect.isclass(built) else [built]
    required: set[str] = set()
    allowed: dict[str, None] = {}
    for index, function in enumerate(owners):
        parameters = [p for p in inspect.signature(function).parameters.values() if p.name != 'self']
        named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        allowed |= dict.fromkeys(p.name for p in named)
        # A subclass may pass its bases' arguments itself, and OpenMMLab's own builders add arguments of their own.
        if index == 0 and built.__module__.split('.')[0] not in ('mmengine', 'mmcv', 'mmseg', 'torch'):
            required = {p.name for p in named if p.default is p.empty}
        rest = [p.name for p in parameters if p.kind is p.VAR_KEYWORD]
        if rest != ['kwargs']:
            return required, list(allowed), bool(rest)
    return required, list(allowed), True


def _check_loaders(cfg: Config) -> Iterator[str]:
    allowed = [*inspect.signature(DataLoader).parameters, 'num_batch_per_epoch']
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(name)
        for key in set(loader) - set(allowed) if isinstance(loader, dict) else ():
            near = difflib.get_close_matches(key, allowed, n=1, cutoff=0.5)
            yield f'{name}.{key}: a data loader takes no such argument' + (f'; did you mean {near[0]}?' if near else '')


def _check_modalities(model: Any) -> Iterator[str]:
    if not isinstance(model, dict):
        return
    parts = {}
    if 'student' in model:
        try:
            teachers = teacher_configs(model)
        except ConfigError as error:
            yield str(error)
            return
        place = 'model.teachers.' if 'teachers' in model else 'model.'
        found = {f'{place}{name}': teacher for name, teacher in teachers.items()} or {'model.teacher': None}
        parts = {'model.student': model['student'], **found}
    for path, part in (parts or {'model': model}).items():
        if not isinstance(part, dict) or 'modality' not in part:
            yield f"{path}: names no modality, for example modality='rgb'"


def _check_classes(cfg: Config) -> Iterator[str]:
    """Compares the classes of every head with those of the data set, where they are known."""
    classes = dataset_classes(cfg)
    if classes is None:
        return
    for path, number in find_values(cfg.get('model', {}), 'num_classes', 'model'):
        if number is not None and number != len(classes) and not _is_foreign_teacher(cfg.model, path):
            yield f'{path}: {number}, but {cfg.train_dataloader.dataset.type} has {len(classes)} classes'


def _is_foreign_teacher(model: Any, path: str) -> bool:
    """Whether ``path`` lies in a teacher of another library, which may know other classes."""
    names = path.split('.')[1:-1]
    for name in names:
        model = model.get(name, {}) if isinstance(model, dict) else {}
    return names[:1] in (['teacher'], ['teachers']) and is_foreign(model)


def find_values(node: Any, key: str, path: str) -> Iterator[tuple[str, Any]]:
    """Path and value of every ``key`` at any depth of ``node``, which lies at ``path``."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield f'{path}.{name}', value
            yield from find_values(value, key, f'{path}.{name}')
