"""One training step of a config on a generated batch: what the taps read, what the losses are, what they train."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import OptimWrapper, build_optim_wrapper
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fdkd.algorithms.base import Algorithm
from fdkd.algorithms.distiller import CrossModalDistiller
from fdkd.check.findings import Findings, building
from fdkd.check.gradients import check_parameters, reaches
from fdkd.check.memory import KeptForBackward, estimate, parameter_counts
from fdkd.check.reading import named_teachers
from fdkd.check.taps import Exchange, exchanged, losses_of, tap_rows
from fdkd.checkpoint import load_weights, read_checkpoint
from fdkd.datasets.base import seeded
from fdkd.distill.connectors import shapes
from fdkd.distill.taps import TapReader
from fdkd.errors import DataError
from fdkd.models.misfit import misfit
from fdkd.registry import ALGORITHMS


def run_step(cfg: Config, batch: dict[str, Any] | None, found: Findings) -> None:
    """Builds the algorithm with its optimizer, runs one step and enters what it shows.

    No pretrained weights are loaded, except those of a teacher's checkpoint and of ``load_from``.

    Args:
        cfg: The config, teacher included.
        batch: A collated batch of what the algorithm's modalities are; without one, all is built and nothing run.
        found: Where rows, figures and mistakes are entered.

    Raises:
        CertainMistake: If the algorithm cannot be built.
        Exception: Whatever a part of the config that cannot be run raises.
    """
    with seeded(0, 0, 'check'):
        with building():
            algorithm = ALGORITHMS.build(copy.deepcopy(cfg.model)).to(get_device()).train()
        wrapper = _wrapper(algorithm, cfg, found)
        if path := cfg.get('load_from'):
            with found.noting('load_from'):
                _load(algorithm, path)
        for notice in algorithm.notices:
            found.note(notice)
        _check_named_taps(algorithm, cfg.model, found)
        if batch is None:
            return
        prepared = algorithm.data_preprocessor(batch, True)
        for teacher in algorithm.teachers.values() if isinstance(algorithm, CrossModalDistiller) else ():
            if teacher.untrained:
                settle(teacher.network, prepared['inputs'][teacher.modality], teacher.modality)
        kept = KeptForBackward(algorithm)
        with exchanged(algorithm) as exchanges, kept, wrapper.optim_context(algorithm):
            losses = algorithm(**prepared, mode='loss')
            total, parts = algorithm.parse_losses(losses)
        found.losses = {name: x.item() for name, x in parts.items() if 'loss' in name and name != 'loss'}
        _check_finite(exchanges, found)
        _check_losses(exchanges, losses, found)
        found.taps = tap_rows(algorithm, exchanges, cfg.model.get('losses', {}), found.losses)
        found.parameters = parameter_counts(algorithm)
        _learn(algorithm, wrapper, total, found)
    samples = len(batch['data_samples'])
    wanted = cfg.train_dataloader.get('batch_size', samples)
    shapes_of = {name: list(tensors[0].shape) for name, tensors in batch['inputs'].items()}
    found.batch = {'samples': samples, 'config': wanted, 'shapes': shapes_of}
    found.memory = estimate(algorithm, wrapper, kept.bytes * wanted / samples)


@torch.no_grad()
def settle(network: nn.Module, inputs: Tensor, modality: str) -> None:
    """Gives the batch norms of a random network the statistics of ``inputs``, and leaves it in evaluation mode.

    With the means of 0 and variances of 1 that they start from, a deep network puts out the same for every input, and
    a loss that looks at differences between samples would have nothing to learn from it.

    Raises:
        DataError: If its first layer does not take the inputs, which are of ``modality``.
    """
    norms = {norm: norm.momentum for norm in network.modules() if isinstance(norm, _BatchNorm)}
    if norms:
        for norm in norms:
            norm.momentum = 1.0
        try:
            network.train()(inputs, mode='tensor')
        except RuntimeError as error:
            if line := misfit(network, modality, inputs, error):
                raise DataError(line) from error
            raise
        network.eval()
        for norm, momentum in norms.items():
            norm.momentum = momentum


def _wrapper(algorithm: Algorithm, cfg: Config, found: Findings) -> OptimWrapper:
    """The optimizer in its wrapper; where it cannot be built, a plain one, with which the step shows the rest."""
    with found.noting('optim_wrapper'):
        return build_optim_wrapper(algorithm, copy.deepcopy(cfg.optim_wrapper))
    return OptimWrapper(torch.optim.SGD(algorithm.parameters(), lr=0.0))


def _check_finite(exchanges: Sequence[Exchange], found: Findings) -> None:
    """Enters every loss that is not finite; where its weight is not, no value of the data is to blame."""
    terms = [(exchange.prefix, exchange.terms.weights) for exchange in exchanges if exchange.terms]
    endless = [f'{prefix}{name}.' for prefix, weights in terms for name, x in weights.items() if not math.isfinite(x)]
    for name, value in found.losses.items():
        if not math.isfinite(value):
            enter = found.mistake if name.startswith(tuple(endless)) else found.doubt
            enter(f'{name}: {value} in a step on random values, expected a finite number')


def _check_losses(exchanges: list[Exchange], losses: Mapping[str, Tensor], found: Findings) -> None:
    """Enters every distillation loss from which no gradient comes to the model that it should train."""
    for exchange in exchanges:
        features: dict[str, list[Tensor]] = {}
        for name, tap in losses_of(exchange):
            feature = exchange.learner[tap]
            features.setdefault(name, []).extend(feature if isinstance(feature, list) else [feature])
        for name, tensors in features.items():
            parts = [x for key, x in losses.items() if key.startswith(f'{exchange.prefix}{name}.') and 'loss' in key]
            if not reaches(parts, tensors):
                model = 'teacher' if exchange.prefix else 'student'
                weight = exchange.terms.weights[name] if exchange.terms else None
                why = '' if weight is None else f', its weight is {weight}'
                read = ', '.join(shapes(x) for x in tensors)
                enter = found.mistake if weight == 0 else found.doubt
                enter(f'model.losses.{name}: no gradient comes from it to the {model}, whose tap reads {read}{why}')


def _check_named_taps(algorithm: Algorithm, config: Mapping[str, Any], found: Findings) -> None:
    """Enters the paths of ``taps`` that no loss reads and that no module has."""
    parts = {'model.student': config.get('student', {}), **named_teachers(config)}
    for (place, part), (_, network) in zip(parts.items(), algorithm.networks.values(), strict=False):
        for tap, path in (part.get('taps') or {}).items():
            with found.noting(f'{place}.taps'):
                TapReader(network, {tap: path})


def _learn(algorithm: Algorithm, wrapper: OptimWrapper, total: Tensor, found: Findings) -> None:
    if not total.requires_grad:
        found.mistake('the loss depends on nothing that can be trained')
        return
    wrapper.backward(total)
    if torch.isfinite(total):
        modalities = {name: modality for name, (modality, _) in algorithm.trained.items()}
        check_parameters(algorithm, found, hasattr(wrapper, 'loss_scaler'), modalities)
    wrapper.step()


def _load(algorithm: Algorithm, path: str) -> None:
    checkpoint = read_checkpoint(path)
    weights = checkpoint.get('state_dict', checkpoint)
    whole = any(name.startswith('student.') for name in weights)
    load_weights(algorithm if whole else algorithm.student, weights, path)
