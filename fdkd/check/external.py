"""What a config names outside itself: checkpoints, pretrained weights, text models and folders of data."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.config import Config
from torchvision.models import get_model_weights

from fdkd.apis.options import replace_text_model
from fdkd.check.findings import Findings
from fdkd.registry import ALGORITHMS

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def check_external(cfg: Config, found: Findings) -> None:
    """Enters files that are not there: as mistakes, or as notes where a training downloads or makes them.

    A checkpoint that is not there is then left out, so that the check can go on.
    """
    model = cfg.get('model', {})
    teacher = model.get('teacher') if isinstance(model, dict) else None
    if isinstance(teacher, dict):
        _check_teacher(teacher, getattr(ALGORITHMS.get(model.get('type')), 'teacher_comes_trained', True), found)
    if (path := cfg.get('load_from')) and not Path(path).is_file():
        found.mistake(f'load_from: {path}: no such checkpoint')
        cfg.load_from = None
    for path, node in _nodes(model, 'model'):
        _check_weights(node, path, found)
    roots = {str(root) for name in _LOADERS if (root := (cfg.get(name) or {}).get('dataset', {}).get('data_root'))}
    for root in sorted(roots):
        if not Path(root).is_dir():
            found.note(f'{root}: no such folder; the data are not needed for this check, but for training')


def replace_text_models(cfg: Config, found: Findings, folder: Path) -> bool:
    """Lets text encoders that are not on this machine be built with their kind's usual sizes, from ``folder``.

    Of a name the kind is what it starts with: ``'bert-base-uncased'`` is a ``bert``. Nothing is downloaded.

    Returns:
        Whether every text encoder can be built now.
    """
    complete = True
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


def _check_teacher(teacher: dict[str, Any], comes_trained: bool, found: Findings) -> None:
    path = teacher.get('checkpoint')
    if path and not Path(path).is_file():
        found.mistake(f'model.teacher.checkpoint: {path}: no such checkpoint')
        teacher['checkpoint'] = None
    elif not path and comes_trained and 'config' not in teacher:
        found.mistake('model.teacher: neither a checkpoint nor a config to train')
    elif not path and comes_trained:
        found.note(f'teacher: no checkpoint is named; training uses a finished run of {teacher["config"]}, or runs it')


def _check_weights(node: dict[str, Any], path: str, found: Findings) -> None:
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
