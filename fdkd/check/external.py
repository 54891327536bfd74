"""What a config names outside itself: checkpoints, pretrained weights, text models and folders of data."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.config import Config
from torchvision.models import get_model_weights

from fdkd.algorithms.teacher import comes_trained
from fdkd.apis.starting_weights import replace_text_model
from fdkd.check.findings import Findings
from fdkd.check.reading import named_teachers
from fdkd.check.registries import LOADERS
from fdkd.datasets.absent import no_folder
from fdkd.models.foreign import is_foreign
from fdkd.packaged import shown
from fdkd.registry import ALGORITHMS


def check_external(cfg: Config, found: Findings) -> None:
    """Enters files that are not there: as mistakes, or as notes where a training downloads or makes them.

    A checkpoint that is not there is then left out, so that the check can go on.
    """
    model = cfg.get('model', {})
    trained = getattr(ALGORITHMS.get(model.get('type')), 'teacher_comes_trained', True)
    for path, teacher in named_teachers(model).items():
        _check_teacher(teacher, path, trained, found)
    if (path := cfg.get('load_from')) and not Path(path).is_file():
        found.mistake(f'load_from: {path}: no such checkpoint')
        cfg.load_from = None
    for path, node in _nodes(model, 'model'):
        _check_weights(node, path, found)
    roots = {str(root) for name in LOADERS if (root := (cfg.get(name) or {}).get('dataset', {}).get('data_root'))}
    for root in sorted(roots):
        if not Path(root).is_dir():
            found.note(f'{no_folder(root)}; this check needs no data, a training does')


def replace_text_models(cfg: Config, found: Findings, folder: Path) -> bool:
    """Lets text encoders that are not on this machine be built with their kind's usual sizes, from ``folder``.

    Of a name the kind is what it starts with: ``'bert-base-uncased'`` is a ``bert``. Nothing is downloaded.

    A model of another kind that is not here is not replaced.

    Returns:
        Whether every model can be built now.
    """
    complete = True
    for path, node in _nodes(cfg.model, 'model'):
        if str(node.get('type')).removeprefix('fdkd.') == 'TransformersModel' and not _is_here(node['name']):
            found.note(f'{path}: {node["name"]} is not on this machine, training downloads it; no step was run')
            complete = False
    names = {node['model'] for _, node in _nodes(cfg.model, '') if node.get('type') == 'TransformerText'}
    for name in sorted(names):
        if _is_here(name):
            continue
        kind = _kind(name)
        if kind is None:
            found.note(f'text model {name}: not on this machine and of no kind that is known, so that no step was run')
            complete = False
            continue
        from transformers import AutoConfig

        place = tempfile.mkdtemp(dir=folder)
        AutoConfig.for_model(kind).save_pretrained(place)
        for _, node in _nodes(cfg.model, ''):
            if node.get('model') == name:
                replace_text_model(node, place)
        found.note(
            f"text model {name}: not on this machine, training downloads it; checked with a {kind} of the library's "
            'default sizes'
        )
    return complete


def _check_teacher(teacher: dict[str, Any], place: str, trained: bool, found: Findings) -> None:
    path = teacher.get('checkpoint')
    if path and not Path(path).is_file():
        found.mistake(f'{place}.checkpoint: {path}: no such checkpoint')
        teacher['checkpoint'] = None
    elif path or not trained or comes_trained(teacher):
        return
    elif 'config' not in teacher:
        found.mistake(f'{place}: neither a checkpoint nor a config to train')
    else:
        name = place.removeprefix('model.')
        config = shown(teacher['config'])
        found.note(f'{name}: no checkpoint is named; training uses a finished run of {config}, or runs it')


def _check_weights(node: dict[str, Any], path: str, found: Findings) -> None:
    if node.get('pretrained') and is_foreign(node):
        _check_pretrained(node, path, found)
    init = node.get('init_cfg')
    for entry in init if isinstance(init, (list, tuple)) else [init]:
        kind = entry.get('type') if isinstance(entry, dict) else None
        checkpoint = entry.get('checkpoint') if kind else None
        if kind in ('ImageNetInit', 'Pretrained') and checkpoint and '://' not in checkpoint:
            if not Path(checkpoint).is_file():
                found.mistake(f'{path}.init_cfg.checkpoint: {checkpoint}: no such file of weights')
        elif kind == 'ImageNetInit':
            _note_download(entry, path, found)
        elif kind == 'Pretrained' and checkpoint:
            found.note(f'{path}: training downloads {checkpoint} unless it is cached')
        elif kind == 'HuggingFaceInit' and not _is_here(entry['model']):
            found.note(f'{path}: training downloads the weights of {entry["model"]}')


def _check_pretrained(node: dict[str, Any], path: str, found: Findings) -> None:
    """Of a model of another library: a file of weights has to be there, a name is downloaded."""
    given, name = node['pretrained'], node.get('name')
    if str(node['type']).removeprefix('fdkd.') == 'TransformersModel':
        given = name if given is True else given
        if not _is_here(given):
            found.note(f'{path}: training downloads the weights of {given}, unless it is a mistaken path')
    elif given is True:
        found.note(f'{path}: training downloads the weights of {name} unless they are cached')
    elif not Path(given).exists():
        found.mistake(f'{path}.pretrained: {given}: no such file of weights')


def _note_download(init: dict[str, Any], path: str, found: Findings) -> None:
    with found.noting(f'{path}.init_cfg.arch'):
        name = Path(urlparse(get_model_weights(init['arch']).DEFAULT.url).path).name
        if not (Path(torch.hub.get_dir()) / 'checkpoints' / name).exists():
            found.note(f'ImageNet weights of {init["arch"]}: not on this machine, training downloads them')


def _is_here(name: str) -> bool:
    """Whether a model of Hugging Face is a folder, or cached."""
    if Path(name).is_dir():
        return True
    from transformers.utils import cached_file

    where = cached_file(name, 'config.json', local_files_only=True, _raise_exceptions_for_missing_entries=False)
    return where is not None


def _kind(name: str) -> str | None:
    """The longest of the library's kinds of model that the name begins with."""
    from transformers import CONFIG_MAPPING

    short = Path(name).name.lower()
    return max((kind for kind in CONFIG_MAPPING if short.startswith(kind)), key=len, default=None)


def _nodes(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from _nodes(value, f'{path}.{key}')
