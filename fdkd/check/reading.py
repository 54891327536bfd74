"""From a config file to a config that can be checked further, however many mistakes stand in it."""

import re
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope

from fdkd.algorithms.teacher import teacher_configs
from fdkd.apis.config import all_options, choose_modalities, fill_classes, merge_changes, read_config_file
from fdkd.apis.options import RunOptions
from fdkd.apis.starting_weights import unused
from fdkd.apis.teacher import locate
from fdkd.apis.validate import mistakes as mistakes_in
from fdkd.check.findings import Findings
from fdkd.check.value_types import wrong_types
from fdkd.engine.console import import_quietly
from fdkd.engine.launch import wrapper_config
from fdkd.errors import ConfigError
from fdkd.packaged import shown

#: What those of the :func:`~fdkd.apis.validate.mistakes` say that can be mended.
_NO_ARGUMENT = re.compile(r'^(?P<path>\S+): [^:]* takes no such argument(; did you mean (?P<near>\w+)\?)?')
_CLASSES = re.compile(r'^(?P<path>\S+): \d+, but \S+ has (?P<number>\d+) classes')
_UNKNOWN_TYPE = re.compile(r"^(?P<path>\S+): unknown type '[^']*'; did you mean (?P<near>[\w.]+)")


def read_config(path: str | Path, options: RunOptions, found: Findings) -> Config | None:
    """Reads a config as :func:`fdkd.apis.config.load_config` does, but goes on after every mistake.

    What was mistaken is then as if the nearest valid name stood there, or nothing where there is none, so that what is
    wrong beyond it shows as well.

    Args:
        path: The file.
        options: What the run changes.
        found: Where mistakes are entered.

    Returns:
        The config, or ``None`` where there is none to go on with.
    """
    try:
        cfg = read_config_file(Path(path))
    except ConfigError as error:
        found.mistake(str(error))
        return None
    _apply(cfg, options, found)
    import_quietly('mmseg.datasets', 'mmseg.models')
    init_default_scope(cfg.get('default_scope', 'fdkd'))
    with found.noting():
        fill_classes(cfg)
    mistakes = _validated(cfg, found)
    for mistake in mistakes:
        found.mistake(mistake)
        with suppress(LookupError, TypeError):  # a key with a dot in it leads nowhere, and nothing is mended
            _mend(cfg, mistake)
    with found.noting():
        for wrong in list(wrong_types(cfg)):
            found.mistake(wrong.text)
            with suppress(LookupError, TypeError):
                node, key = _parent(cfg, wrong.path)
                node.pop(key)
    if isinstance(cfg.get('model'), dict) and not any('names no modality' in mistake for mistake in mistakes):
        with found.noting():
            choose_modalities(cfg)
    with found.noting():
        wrapper_config(cfg)
    return cfg


def complete_teachers(cfg: Config, options: RunOptions, found: Findings) -> None:
    """Fills the ``model`` of each teacher from its config, whose mistakes are entered under its name.

    Options that then change nothing are noted.
    """
    for path, teacher in named_teachers(cfg.model).items():
        if 'model' not in teacher and 'config' in teacher:
            _complete(teacher, path, cfg, options, found)
    with found.noting():
        options = all_options(cfg, options)
        for sentence in unused(cfg, options.pretrained, options.text_model):
            found.note(sentence)


def named_teachers(model: Any) -> dict[str, dict[str, Any]]:
    """The configs of the teachers by their place, as far as they can be told."""
    try:
        teachers = teacher_configs(model)
    except ConfigError:  # which validation says
        return {}
    place = 'model.teachers.' if 'teachers' in model else 'model.'
    return {f'{place}{name}': teacher for name, teacher in teachers.items() if isinstance(teacher, dict)}


def _complete(teacher: dict[str, Any], path: str, cfg: Config, options: RunOptions, found: Findings) -> None:
    with found.noting(f'{path}.config'):
        teacher.config = str(locate(teacher.config, cfg.filename))
        within, config = Findings(teacher.config), shown(teacher.config)
        other = read_config(teacher.config, all_options(cfg, options).for_teacher(), within)
        for mistake in within.mistakes:
            found.mistake(f'{config}: {mistake}')
        if other is None or 'model' not in other:
            return
        if 'modality' in other.model and other.model.modality != teacher.get('modality'):
            found.mistake(
                f'{path}.config: {config} trains a model of modality {other.model.modality!r}, expected '
                f'{teacher.get("modality")!r}'
            )
        teacher.model = other.model.model


def _apply(cfg: Config, options: RunOptions, found: Findings) -> None:
    known = {entry.name for entry in fields(RunOptions)}
    for name in [name for name in cfg.get('run_options', {}) if name not in known]:
        with found.noting():
            options.over({name: None}, cfg.filename)
        cfg.run_options.pop(name)
    with found.noting():
        all_options(cfg, options).apply(cfg)
    with found.noting():
        merge_changes(cfg, options.cfg_options)


def _validated(cfg: Config, found: Findings) -> list[str]:
    """The mistakes of :func:`~fdkd.apis.validate.mistakes`."""
    try:
        return mistakes_in(cfg)
    except Exception as error:  # a config so broken that validation itself stumbles
        found.mistake(f'cannot be validated: {type(error).__name__}: {error}')
    return []


def _mend(cfg: Config, mistake: str) -> None:
    """Puts the nearest valid name in the place of a mistaken one, or nothing where there is none."""
    if found := _NO_ARGUMENT.match(mistake):
        node, key = _parent(cfg, found['path'])
        value = node.pop(key)
        if found['near']:
            node.setdefault(found['near'], value)
    elif found := _UNKNOWN_TYPE.match(mistake):
        node, key = _parent(cfg, found['path'])
        node[key]['type'] = found['near']
    elif found := _CLASSES.match(mistake):
        node, key = _parent(cfg, found['path'])
        node[key] = int(found['number'])


def _keys(path: str) -> list[str | int]:
    """``'train_dataloader.pipeline[2].size'`` as a list of keys."""
    return [int(part[1:-1]) if part[0] == '[' else part for part in re.findall(r'\[\d+\]|[^.\[\]]+', path)]


def _parent(cfg: Config, path: str) -> tuple[Any, str | int]:
    node, keys = cfg, _keys(path)
    for key in keys[:-1]:
        node = node[key]
    return node, keys[-1]
