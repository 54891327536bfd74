"""The file that a training leaves of a step that was not finite: plain data and tensors, read without running code."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, PixelData
from torch import Tensor

from fdkd.algorithms.teacher import teacher_configs
from fdkd.checkpoint import read_checkpoint, write_checkpoint
from fdkd.datasets.class_sample import ClassSample
from fdkd.engine.nonfinite.finding import Finding
from fdkd.errors import CheckpointError

#: Below the work dir.
FOLDER = 'nonfinite'
_KIND = 'fdkd: a step that was not finite'
#: What a file holds, and of which type.
_KEYS = {
    'finding': dict,
    'rank': int,
    'world_size': int,
    'seed': int,
    'config_name': str,
    'config_hash': (str, type(None)),
    'config': str,
    'step': (dict, type(None)),
}
_STEP_KEYS = ('inputs', 'data_samples', 'random_state', 'state_dict', 'teachers', 'evaluating', 'threads')


def save(runner: Runner, finding: Finding, step: dict[str, Any] | None) -> Path:
    """Writes ``WORK_DIR/nonfinite/iter_N.pth``, with the rank in its name where there are several.

    A run keeps one such file for each rank, the last.

    Args:
        runner: Of the training.
        finding: What was not finite.
        step: What repeats the step, see :func:`repeatable`; ``None`` where it was noticed too late to know.

    Raises:
        OSError: If it cannot be written.
    """
    folder = Path(runner.work_dir) / FOLDER
    folder.mkdir(exist_ok=True)
    rank = f'_rank{get_rank()}' if get_world_size() > 1 else ''
    path = folder / f'iter_{finding.iteration}{rank}.pth'
    content = {
        'kind': _KIND,
        'finding': finding._asdict(),
        'rank': get_rank(),
        'world_size': get_world_size(),
        'seed': runner.seed,
        'config_name': Path(runner.cfg.filename or f'{runner.timestamp}.py').name,
        'config_hash': runner.cfg.get('config_hash'),
        'config': runner.cfg.pretty_text,
        'step': step,
    }
    write_checkpoint(content, path)
    for other in folder.iterdir():
        if other != path and re.fullmatch(rf'iter_\d+{rank}\.pth', other.name):
            other.unlink()
    return path


def read(path: str | Path) -> dict[str, Any]:
    """What :func:`save` wrote, with ``finding`` as a :class:`~fdkd.engine.nonfinite.finding.Finding`.

    Raises:
        CheckpointError: If the file is absent, damaged or another one.
    """
    content = read_checkpoint(path)
    whole = content.get('kind') == _KIND and all(isinstance(content.get(key), kind) for key, kind in _KEYS.items())
    step = content.get('step')
    if not whole or (step is not None and any(key not in step for key in _STEP_KEYS)):
        raise CheckpointError(
            f'{path}: not the file that a training leaves of a step that was not finite; '
            f'that lies in its work dir as {FOLDER}/iter_N.pth'
        )
    try:
        return {**content, 'finding': Finding(**content['finding'])}
    except TypeError as error:
        raise CheckpointError(f'{path}: written by another version of fdkd ({error})') from error


def repeatable(
    runner: Runner, batch: Mapping[str, Any], random_state: dict[str, Any], buffers: Mapping[str, Tensor]
) -> dict[str, Any]:
    """What repeats a step after which the optimizer has not stepped yet.

    Args:
        runner: Of the training.
        batch: ``inputs`` and ``data_samples``, as the algorithm received them.
        random_state: Of this process, before the step.
        buffers: The algorithm's buffers before it: batch norms change theirs in the forward pass.
    """
    algorithm = runner.algorithm
    weights = algorithm.state_dict()
    weights |= {name: x for name, x in buffers.items() if name in weights}
    return {
        'inputs': pack(batch['inputs']),
        'data_samples': pack(batch['data_samples']),
        'random_state': random_state,
        'state_dict': pack(dict(weights)),
        # A frozen teacher comes from its checkpoint; one that was never trained, or came with its model, has none.
        'teachers': _without_checkpoint(runner),
        'evaluating': [name for name, module in algorithm.named_modules() if not module.training],
        'threads': torch.get_num_threads(),  # how sums are split among them decides their last bits
    }


def _without_checkpoint(runner: Runner) -> dict[str, dict[str, Any]]:
    """The weights of those networks, by name."""
    teachers = teacher_configs(runner.cfg.model)
    names = {(f'teacher {name}' if len(teachers) > 1 else name): teacher for name, teacher in teachers.items()}
    return {
        name: pack(dict(runner.algorithm.networks[name][1].state_dict()))
        for name, teacher in names.items()
        if teacher.get('checkpoint') is None
    }


def pack(value: Any) -> Any:
    """``value`` as tensors on the CPU and plain data; data elements become dictionaries, other objects text."""
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()  # of a view, not the whole storage
    if isinstance(value, BaseDataElement):
        return {
            'element': type(value).__name__,
            'metainfo': pack(dict(value.metainfo_items())),
            'fields': pack(dict(value.items())),
        }
    if isinstance(value, Mapping):
        return {str(key): pack(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(pack, value)) if type(value) in (list, tuple) else list(map(pack, value))
    if isinstance(value, np.ndarray):
        return pack(value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)


def unpack_samples(packed: list[dict[str, Any]], device: torch.device) -> list[BaseDataElement]:
    """The data samples that :func:`pack` took apart, on a device."""
    from mmseg.structures import SegDataSample  # which only segmentation needs

    kinds = {kind.__name__: kind for kind in (ClassSample, SegDataSample, PixelData)}

    def element(node: dict[str, Any]) -> BaseDataElement:
        made = kinds.get(node['element'], BaseDataElement)(metainfo=node['metainfo'])
        for name, field in node['fields'].items():
            setattr(made, name, element(field) if isinstance(field, dict) and 'element' in field else field)
        return made

    return [element(node).to(device) for node in packed]
