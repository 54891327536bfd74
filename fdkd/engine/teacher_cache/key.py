"""What a teacher's tensors belong to: everything that decides them."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import torch
from mmengine.runner import Runner
from torch import nn

from fdkd.algorithms.teacher import teacher_model_config
from fdkd.datasets.prefix import library_versions, transform_sources
from fdkd.engine.teacher_cache.layout import as_bytes
from fdkd.version import __version__

#: Entries of a data set's config that say where the data lie or how fast they are read.
_NO_MATTER = ('data_root', 'cache', 'cache_folder', 'views', 'on_error')


def belongs(runner: Runner) -> dict[str, Any]:
    """Everything that decides what a runner's teacher gives for the samples of its training data, as JSON has it.

    These are the teacher (weights, config, taps, the versions of fdkd and torch, device and precision), the data (their
    hash, or where there is none their folder; the data set's config with its pipeline; the samples' ids in order), the
    preprocessor's config and, where the teacher's views are augmented, their number and seed. The code of
    the user's own models and transforms is not among them.
    """
    algorithm, dataset = runner.algorithm, runner.train_dataloader.dataset
    config = runner.cfg.train_dataloader.dataset
    random = dataset.random_steps(algorithm.teacher_modality)
    data = runner.cfg.get('data_hash') or config.get('data_root')
    parts = {
        'weights': weights_digest(algorithm.teacher),
        'model': teacher_model_config(runner.cfg.model.teacher),
        'taps': algorithm.teacher_tap_paths,
        'versions': {'fdkd': __version__, 'torch': torch.__version__, 'libraries': library_versions()},
        'transforms': _digest(transform_sources()),
        'precision': _precision(runner),
        'data': data,
        'dataset': {name: value for name, value in config.items() if name not in _NO_MATTER},
        'samples': _digest(_described(dataset, index, algorithm.teacher_modality) for index in range(len(dataset))),
        'preprocessor': runner.cfg.model.get('data_preprocessor'),
        'augmentation': {'views': dataset.views, 'seed': runner.train_dataloader.sampler.seed} if random else None,
    }
    return json.loads(json.dumps(parts, default=str), parse_constant=str)


def key(parts: dict[str, Any]) -> str:
    """Twelve hexadecimal digits of :func:`belongs`."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def weights_digest(model: nn.Module) -> str:
    """Hexadecimal digits of all that a model's ``state_dict`` holds: names, types, shapes and every byte."""
    digest = hashlib.blake2b(digest_size=16)
    for name, x in model.state_dict().items():
        digest.update(f'{name} {x.dtype} {tuple(x.shape)}\0'.encode())
        digest.update(as_bytes(x.reshape(1, -1)))
    return digest.hexdigest()


def _digest(names: Iterable[str]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in names:
        digest.update(f'{name}\0'.encode())
    return digest.hexdigest()


def _described(dataset: Any, index: int, modality: str) -> str:
    """A sample's id, and its text or path below the data's folder."""
    sample = dataset.get_data_info(index)
    value = sample.get(modality, sample.get(f'{modality}_path', ''))
    return f'{sample["sample_id"]} {str(value).removeprefix(str(dataset.data_root))}'


def _precision(runner: Runner) -> dict[str, str | None]:
    """In what the teacher computes: asked where it will run, since a wrapper of any kind may choose it."""
    parameter = next(runner.algorithm.teacher.parameters())
    device = parameter.device.type
    with runner.optim_wrapper.optim_context(runner.model):
        autocast = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
    return {'device': device, 'weights': str(parameter.dtype), 'autocast': autocast and str(autocast)}
