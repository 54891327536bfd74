"""What the benchmarks of whole steps run: training steps and forward passes of one config, on one generated batch."""

import argparse
import copy
import logging
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import build_optim_wrapper
from plain_losses import PlainFDKD
from torch import Tensor, nn

from fdkd.algorithms import Algorithm, SingleModality
from fdkd.apis import benchmark
from fdkd.apis.cli import parse_size, positive
from fdkd.apis.config import load_config
from fdkd.apis.options import PRECISIONS, RunOptions
from fdkd.distill.taps import TapReader, resolve_taps
from fdkd.engine.compile import compile_networks
from fdkd.engine.teacher_cache.cache import TeacherCache
from fdkd.errors import ConfigError, FdkdError
from fdkd.models import Classifier
from fdkd.registry import MODELS

Batch = dict[str, Any]
Task = Callable[[], Any]
Features = dict[str, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what decides a step: the config, the batch, precision and memory format."""
    parser.add_argument('config', nargs='?', default='configs/fdkd/nyu_rgb_from_depth.py', help='config file')
    parser.add_argument(
        '--size', nargs='+', type=parse_size, default=[(160, 120), (320, 240)], metavar='WIDTHxHEIGHT',
        help='sizes of the inputs (160x120 320x240)',
    )  # fmt: skip
    parser.add_argument('--batch-size', type=positive, default=4, help='samples per step (4)')
    parser.add_argument('--amp', action='store_const', const=True, default=False, help='mixed precision')
    parser.add_argument('--amp-dtype', dest='amp', choices=PRECISIONS, help='mixed precision in this type')
    parser.add_argument('--channels-last', action='store_true', help='models and inputs in channels-last order')
    parser.add_argument('--compile', action='store_true', help='models compiled, which takes minutes on a CPU')
    parser.add_argument('--threads', type=positive, help="threads on the CPU (torch's own choice)")
    parser.add_argument('--json', type=Path, metavar='FILE', help='write every figure and the setting')


def started(args: argparse.Namespace) -> Config:
    """Applies the options and reads the config.

    Raises:
        FdkdError: If the folder of ``--json`` is absent, or the config distils from no frozen teacher.
    """
    if args.json and not args.json.absolute().parent.is_dir():
        raise FdkdError(f'--json {args.json}: there is no such folder')
    if args.threads:
        torch.set_num_threads(args.threads)
    options = RunOptions(pretrained='none', amp=args.amp, channels_last=args.channels_last, compile=args.compile)
    return distillation_config(args.config, options)


def distillation_config(path: str, options: RunOptions) -> Config:
    """The config with its teacher's network in it, of random weights.

    Raises:
        ConfigError: If it distils from no frozen teacher.
    """
    cfg = load_config(path, options)
    if cfg.model.type != 'CrossModalDistiller':
        raise ConfigError(f'{path}: trains a {cfg.model.type}, expected a CrossModalDistiller, whose teacher is timed')
    teacher = cfg.model.teacher
    if 'model' not in teacher:
        teacher.model = load_config(teacher.config, options).model.model
    teacher.checkpoint = None
    return cfg


def setting(args: argparse.Namespace, cfg: Config) -> dict[str, Any]:
    """What :func:`add_options` asked for, by name, for the JSON."""
    names = ('config', 'amp', 'channels_last', 'compile', 'batch_size')
    return {**{name: getattr(args, name) for name in names}, 'config_hash': cfg.config_hash}


def described(figures: dict[str, Any]) -> str:
    """:func:`setting` and the machine in a line."""
    amp = figures['amp']
    switches = {
        f'mixed precision{"" if amp is True else f" {amp}"}': amp,
        'channels last': figures['channels_last'],
        'compiled': figures['compile'],
    }
    parts = (f'batch {figures["batch_size"]}', figures['device'], f'{figures["threads"]} threads')
    return f'{figures["config"]}: {", ".join([*parts, *(name for name, on in switches.items() if on)])}'


def build(cfg: Config) -> Algorithm:
    """The distiller on the device, with the same weights at every call."""
    torch.manual_seed(0)
    return _placed(MODELS.build(copy.deepcopy(cfg.model)), cfg)


def alone(cfg: Config, modality: str, model: dict[str, Any] | nn.Module) -> Algorithm:
    """A model as an algorithm of its own; a built one is shared, not copied, and not compiled a second time."""
    torch.manual_seed(0)
    built = isinstance(model, nn.Module)
    preprocessor = copy.deepcopy(cfg.model.data_preprocessor)
    algorithm = SingleModality(modality, model if built else copy.deepcopy(model), preprocessor)
    return _placed(algorithm, cfg, compiled=not built)


def generated(distiller: Algorithm, size: tuple[int, int], batch_size: int) -> Batch:
    """A batch that ``distiller`` can train on."""
    student = distiller.student
    dense = not isinstance(student, Classifier)
    return benchmark.synthetic_batch(distiller.modalities, student.num_classes, size, batch_size, dense=dense)


def step(algorithm: Algorithm, cfg: Config, batch: Batch) -> Task:
    """The training step, on the modalities that it needs."""
    batch = _needed(batch, algorithm)
    optim_wrapper = build_optim_wrapper(algorithm.train(), copy.deepcopy(cfg.optim_wrapper))
    return lambda: algorithm.train_step(batch, optim_wrapper)


def forward(algorithm: Algorithm, cfg: Config, batch: Batch) -> Task:
    """The forward pass as in a distillation step: preprocessing included, in the config's precision.

    The network is in evaluation mode, but the algorithm around it in training mode, as are a teacher and its distiller:
    in evaluation mode it would run uncompiled.
    """
    algorithm.train().requires_grad_(False).student.eval()
    batch, precision = _needed(batch, algorithm), _precision(algorithm, cfg)

    @torch.no_grad()
    def run() -> Tensor:
        with precision():
            return algorithm(**algorithm.data_preprocessor(batch), mode='tensor')

    return run


def forward_to_tap(distiller: Algorithm, cfg: Config, batch: Batch) -> Task:
    """The teacher's forward pass, ended at the last tap that the losses read."""
    tapped = alone(cfg, distiller.teacher_modality, distiller.teacher)
    taps = resolve_taps(tapped.student, sorted(set(distiller.terms.taps.values())), cfg.model.teacher.get('taps'))
    reader, whole = TapReader(tapped.student, taps, stop_early=True), forward(tapped, cfg, batch)
    return lambda: reader.run(whole)


def with_cache(cfg: Config, batch: Batch, folder: Path) -> Algorithm:
    """The distiller with a cache in ``folder`` that knows the teacher's tensors for every sample of ``batch``."""
    distiller, samples = build(cfg), len(batch['data_samples'])
    distiller.teacher_cache = TeacherCache(
        folder / 'teacher', samples, views=1, belongs={}, max_gb=math.inf, logger=logging.getLogger(__name__)
    )
    losses(distiller, cfg, batch)
    return distiller


def without_losses(cfg: Config) -> Algorithm:
    """The distiller that runs both models and compares nothing."""
    distiller = build(cfg)
    distiller.terms = NoTerms()
    return distiller


class NoTerms(nn.Module):
    """In place of the distillation losses: none."""

    def forward(self, student: Features, teacher: Features, target: Tensor, names: Sequence[str]) -> Features:
        return {}


def plain_distiller(cfg: Config) -> Algorithm | None:
    """The distiller with FD-CMKD's loss written plainly with FFTs; ``None`` where it has no such loss on maps."""
    replaceable = [name for name, loss in cfg.model.losses.items() if is_dense_fdkd(loss)]
    plain = build(cfg) if replaceable else None
    for name in replaceable:
        plain.terms.losses[name] = PlainFDKD()
    return plain


def is_dense_fdkd(loss: dict[str, Any]) -> bool:
    """Whether the loss has those options under which :class:`PlainFDKD` computes the same."""
    options = {key: value for key, value in loss.items() if key not in ('type', 'on', 'weight', 'connector')}
    return loss['type'] == 'FDKDLoss' and options == {'align': False, 'band_task': False}


@torch.no_grad()
def losses(algorithm: Algorithm, cfg: Config, batch: Batch) -> dict[str, float]:
    """The distillation losses by name."""
    with _precision(algorithm.train(), cfg)():
        found = algorithm(**algorithm.data_preprocessor(batch, True), mode='loss')
    return {name: float(value) for name, value in found.items() if name.partition('.')[0] in cfg.model.losses}


def compare(ours: dict[str, float], other: dict[str, float], what: str) -> None:
    """Refuses losses that differ by more than 1e-5.

    Raises:
        FdkdError: With the first that does.
    """
    for name, value in ours.items():
        if not math.isclose(value, other[name], rel_tol=1e-5):
            raise FdkdError(f'{name} is {value!r}, but {other[name]!r} {what}: nothing was timed')


def _placed(algorithm: Algorithm, cfg: Config, compiled: bool = True) -> Algorithm:
    """On the device, in the memory format of the config and compiled where it says so, as the runner does it."""
    algorithm.to(get_device())
    if cfg.get('channels_last'):
        algorithm.to(memory_format=torch.channels_last)
        algorithm.data_preprocessor.memory_format = torch.channels_last
    if compiled and cfg.get('compile'):
        compile_networks(algorithm, {})
    return algorithm


def _needed(batch: Batch, algorithm: Algorithm) -> Batch:
    return {**batch, 'inputs': {name: batch['inputs'][name] for name in algorithm.modalities}}


def _precision(algorithm: Algorithm, cfg: Config) -> Callable[[], AbstractContextManager]:
    optim_wrapper = build_optim_wrapper(algorithm, copy.deepcopy(cfg.optim_wrapper))
    return lambda: optim_wrapper.optim_context(algorithm)
