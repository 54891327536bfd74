"""Repeating a training step that was not finite, to see where that begins."""

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from prettytable import PrettyTable
from torch import Tensor, nn

from fdkd.algorithms import Algorithm
from fdkd.algorithms.teacher import teacher_configs
from fdkd.apis.config import read_config_file
from fdkd.checkpoint import load_weights
from fdkd.engine.console import import_quietly
from fdkd.engine.nonfinite.finding import SHOWN, Finding, not_finite, with_gradient
from fdkd.engine.nonfinite.saved import read, unpack_samples
from fdkd.engine.nonfinite.stop import AGAIN
from fdkd.engine.nonfinite.trace import Trace, find_function, is_finite, traced
from fdkd.engine.randomness import restore_random_state
from fdkd.errors import CheckpointError
from fdkd.registry import ALGORITHMS, OPTIM_WRAPPERS


class Input(NamedTuple):
    """What a modality's input looks like: the largest finite absolute value, whose it is, and how many are not."""

    largest: float
    sample: str
    broken: int


class Replay(NamedTuple):
    """A step that was repeated.

    Attributes:
        saved: What the training found.
        losses: The parts of the loss now.
        same: Whether these, and the names of the gradients that are not finite, are as in the training, to the last
            bit.
        gradients: The gradients that are not finite, by their parameters' names.
        inputs: By modality, without those of whole numbers.
        weights: The weights before the step that were not finite.
        trace: Where such values first arise.
    """

    saved: Finding
    losses: dict[str, float]
    same: bool
    gradients: list[str]
    inputs: dict[str, Input]
    weights: list[str]
    trace: Trace


def replay(file: str | Path, config: str | Path | None = None, *, unsafe_checkpoint: bool = False) -> Replay:
    """Repeats the step in ``file`` and prints what it shows; the data set is not needed.

    Nothing in ``file`` is executed, the text of its config neither. The config is the one that the run has left in its
    work dir; it names the teacher's checkpoint.

    Args:
        file: ``WORK_DIR/nonfinite/iter_N.pth``.
        config: The run's complete config, where ``file`` no longer lies in the work dir.
        unsafe_checkpoint: Unpickle the teacher's checkpoint without restriction.

    Returns:
        What it shows.

    Raises:
        CheckpointError: If ``file`` is no such file, knows too little of the step, or belongs to another run than the
            config; or the teacher's checkpoint is gone.
        ConfigError: If the config is absent.
    """
    saved = read(file)
    finding = saved['finding']
    print(f'{file}: iteration {finding.iteration} (epoch {finding.epoch}), samples {", ".join(finding.ids)}')
    if saved['step'] is None:
        raise CheckpointError(f'{file}: was written after the optimizer had stepped. {AGAIN}')
    cfg = _config(saved, Path(file), config)
    for teacher in teacher_configs(cfg.model).values():
        teacher.unsafe_checkpoint = unsafe_checkpoint
    threads = torch.get_num_threads()
    torch.set_num_threads(saved['step']['threads'])
    try:
        shown = _repeat(cfg, saved, str(file))
    finally:
        torch.set_num_threads(threads)
    print(described(shown))
    return shown


def _config(saved: dict[str, Any], file: Path, given: str | Path | None) -> Config:
    """The config that the run left; its name comes from the file, and must be a name."""
    name = Path(saved['config_name']).name
    path = Path(given) if given else file.resolve().parent.parent / name
    if not given and not path.is_file():
        raise CheckpointError(f"{file}: the run's config {path} is not there; name it with --config, a copy serves")
    cfg = read_config_file(path)
    if cfg.get('config_hash') != saved['config_hash']:
        found = 'is no complete config of a run' if 'config_hash' not in cfg else f'has the hash {cfg.config_hash}'
        raise CheckpointError(
            f"{file}: belongs to the config with the hash {saved['config_hash']}, {path} {found}: pass that run's "
            f'own with --config, which lies in its work dir as {name}'
        )
    return cfg


def _repeat(cfg: Config, saved: dict[str, Any], source: str) -> Replay:
    step, finding = saved['step'], saved['finding']
    algorithm, wrapper = _algorithm(cfg, saved, source), _wrapper(cfg)
    broken_weights = [name for name, x in step['state_dict'].items() if not is_finite(x)]

    total, parts = _forward(algorithm, wrapper, step)
    total.backward()
    losses = {name: value.item() for name, value in parts.items() if 'loss' in name}
    gradients = not_finite(with_gradient(algorithm))
    same = _same(losses, finding.losses) and (finding.lost or saved['world_size'] > 1 or gradients == finding.gradients)

    load_weights(algorithm, step['state_dict'], source)  # the forward pass has changed buffers
    algorithm.zero_grad()
    with traced(_named(algorithm)) as trace, torch.autograd.set_detect_anomaly(True, check_nan=True):
        find_function(_forward(algorithm, wrapper, step)[0], trace)
    return Replay(finding, losses, same, gradients, _inputs(step), broken_weights, trace)


def _algorithm(cfg: Config, saved: dict[str, Any], source: str) -> Algorithm:
    """The algorithm as it was before the step."""
    import_quietly('mmseg.datasets', 'mmseg.models')
    init_default_scope(cfg.get('default_scope', 'fdkd'))
    step = saved['step']
    algorithm = ALGORITHMS.build(copy.deepcopy(cfg.model)).to(get_device())
    if cfg.get('channels_last'):
        algorithm.to(memory_format=torch.channels_last)
    load_weights(algorithm, step['state_dict'], source)
    for name, weights in step['teachers'].items():
        load_weights(algorithm.networks[name][1], weights, source)
    algorithm.train()
    for name, module in algorithm.named_modules():
        if name in step['evaluating']:
            module.training = False
    algorithm.start_epoch(saved['finding'].epoch - 1)
    return algorithm


def _wrapper(cfg: Config) -> OptimWrapper:
    """What knows the precision of the forward pass; its optimizer has nothing to do."""
    precision = {key: cfg.optim_wrapper[key] for key in ('type', 'dtype') if key in cfg.optim_wrapper}
    idle = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.0)
    return OPTIM_WRAPPERS.build({'type': 'OptimWrapper', **precision, 'optimizer': idle})


def _forward(algorithm: Algorithm, wrapper: OptimWrapper, step: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
    device = next(algorithm.parameters()).device
    inputs = {name: x.to(device) for name, x in step['inputs'].items()}
    samples = unpack_samples(step['data_samples'], device)
    restore_random_state(step['random_state'])
    with wrapper.optim_context(algorithm):
        losses = algorithm(inputs=inputs, data_samples=samples, mode='loss')
    return algorithm.parse_losses(losses)


def _inputs(step: dict[str, Any]) -> dict[str, Input]:
    found = {}
    for name, x in step['inputs'].items():
        if not x.is_floating_point() or not x.numel():
            continue
        samples = [sample['metainfo'] for sample in step['data_samples']]
        rows = [sample['sample_id'] for sample in samples if name in sample.get('present', (name,))]
        largest = x.nan_to_num(0, 0, 0).abs().flatten(1).amax(1)
        found[name] = Input(largest.max().item(), rows[int(largest.argmax())], int((~x.isfinite()).sum()))
    return found


def _named(algorithm: Algorithm) -> dict[str, nn.Module]:
    """All modules by name; of a frozen teacher too, which is no part of the algorithm."""
    frozen = {
        f'{role}.{name}'.rstrip('.'): module
        for role, (_, network) in algorithm.networks.items()
        for name, module in network.named_modules()
        if role != 'student'
    }
    own = {name: module for name, module in algorithm.named_modules() if name}
    return own | ({} if any(name.startswith('teacher.') for name in own) else frozen)


def _same(losses: Mapping[str, float], saved: Mapping[str, float]) -> bool:
    return losses.keys() == saved.keys() and all(_equal(value, saved[name]) for name, value in losses.items())


def _equal(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def described(shown: Replay) -> str:
    """A table of the parts of the loss, and where values that are not finite begin."""
    table = PrettyTable(['part of the loss', 'saved', 'repeated'])
    table.align, table.align['part of the loss'] = 'r', 'l'
    for name in dict.fromkeys([*shown.saved.losses, *shown.losses]):
        values = (losses.get(name) for losses in (shown.saved.losses, shown.losses))
        table.add_row([name, *('-' if value is None else f'{value:.9g}' for value in values)])
    verdict = 'repeated bit for bit' if shown.same else 'NOT repeated bit for bit: another device, compiled, or changed'
    return '\n'.join([table.get_string(), verdict, *_causes(shown)])


def _causes(shown: Replay) -> list[str]:
    trace = shown.trace
    lines = [_input(name, x) for name, x in shown.inputs.items()]
    weights = f'not finite: {_short(shown.weights)}' if shown.weights else 'all finite'
    lines.append(f'weights before the step: {weights}')
    if trace.first is None:
        lines.append(f'first non-finite output: none, the forward pass is finite in {trace.modules} outputs')
    else:
        given = 'inputs and weights finite' if trace.first.inputs_finite else 'inputs or weights not finite'
        largest = '' if trace.first.largest is None else f', max |x| = {trace.first.largest:.4g}'
        lines.append(f'first non-finite output: {trace.first.name}, a {trace.first.kind} ({given}{largest})')
    if trace.gradient:
        after = f'; finite at {trace.before_it}, just before' if trace.before_it else ', and nowhere before'
        lines.append(f'first non-finite gradient: at the output of {trace.gradient}{after}')
    if trace.function:
        after = f', after a finite gradient at the output of {trace.before_it}' if trace.before_it else ''
        lines.append(f'first NaN of the backward pass: {trace.function}{after}')
    lines.append(f'gradients that are not finite: {_short(shown.gradients) or "none"}')
    return lines


def _input(name: str, x: Input) -> str:
    broken = f'{x.broken} values not finite' if x.broken else 'all finite'
    return f'input {name}: {broken}, max |x| = {x.largest:.4g} (sample {x.sample})'


def _short(names: list[str]) -> str:
    return ', '.join(names[:SHOWN]) + (f' and {len(names) - SHOWN} more' if len(names) > SHOWN else '')
