"""How strongly each part of the loss pulls on the student's feature, measured while a student trains."""

import math
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner
from torch import Tensor

from fdkd.distill.taps import replaced, resolve_taps
from fdkd.errors import ConfigError
from fdkd.registry import HOOKS

Losses = Mapping[str, Tensor | Iterable[Tensor]]


def gradient_norms(losses: Losses, feature: Tensor, scale: float = 1.0) -> dict[str, Tensor]:
    """L2 norm of the gradient of every part of a loss with respect to one tensor.

    The graph stays, and no parameter's ``grad`` is touched.

    Args:
        losses: What an algorithm returns: parts are the entries with ``loss`` in their name, each the mean of a tensor
            or the sum of the means of several, as MMEngine adds them up.
        feature: Any tensor that requires a gradient.
        scale: The parts are multiplied by it and the norms divided, so that gradients in half precision do not vanish.

    Returns:
        By part a scalar of at least float32; 0 for parts that do not depend on ``feature``.

    Example:
        >>> x = torch.tensor([3.0, 4.0], requires_grad=True)
        >>> norms = gradient_norms({'loss_a': x.square().sum() / 2, 'loss_b': torch.tensor(1.0), 'count': x.sum()}, x)
        >>> {name: norm.item() for name, norm in norms.items()}
        {'loss_a': 5.0, 'loss_b': 0.0}
    """
    norms = {}
    for name, value in losses.items():
        if 'loss' not in name:
            continue
        part = value.mean() if isinstance(value, Tensor) else sum(x.mean() for x in value)
        gradient = None
        if part.requires_grad:
            (gradient,) = torch.autograd.grad(part * scale, feature, retain_graph=True, allow_unused=True)
        if gradient is None:
            gradient = torch.zeros_like(feature)
        exact = gradient.to(torch.promote_types(gradient.dtype, torch.float32))
        norms[name] = torch.linalg.vector_norm(exact) / scale
    return norms


@HOOKS.register_module()
class GradientShareHook(Hook):
    """Logs, for each part of the loss, the norm of its gradient at a tap of the student, and its share of their sum.

    Measured are the first iteration of every epoch and each ``interval``-th after it, from the graph of the step that
    is taken anyway, so that the training stays what it is to the last bit; a measurement costs a backward pass from
    each part to the tap. The scalars are ``grad_norm/PART`` and ``grad_share/PART`` (shares add up to 1, or are all 0);
    a part that a step does not have counts with 0. The message hub's information ``gradient_share`` holds ``{PART:
    [mean share in each epoch]}``, NaN for an epoch without a measurement.

    Norms are those of the losses as they are added up, with their weights, for this process's part of the batch, before
    loss scaling and clipping. A step whose norms are not finite, which loss scaling skips, is not counted.

    Args:
        tap: Name of a tap of the student, or a path, which reads one tensor. It should be one that prediction and
            distillation both come through: ``'map'``, the last stage's map before its last ReLU, is, and where a model
            has no stages, so is ``'backbone'``. ``'feat'`` of a ``Classifier`` is not: it is pooled beside the way to
            the prediction, and the task loss has no gradient there.
        interval: Iterations from one measurement to the next.

    Raises:
        ConfigError: If ``interval`` is no whole number above 0; in training, if the tap is none, reads several tensors,
            does not fire or has no gradient.
    """

    def __init__(self, tap: str = 'map', interval: int = 10) -> None:
        if not isinstance(interval, int) or interval < 1:
            raise ConfigError(f'GradientShareHook: interval={interval!r}, expected a whole number above 0')
        self.tap, self.interval = tap, interval
        self._attached = ExitStack()
        self._feature: Tensor | None = None
        self._norms: dict[str, Tensor] = {}
        self._absent: dict[str, float] = {}  # 0 for every part that was seen
        self._measured: list[dict[str, float]] = []  # shares of this epoch
        self._epochs: list[dict[str, float]] = []  # mean shares of those before, empty where none was measured

    def before_train(self, runner: Runner) -> None:
        """Publishes what a run that continues has measured before."""
        self._publish(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Attaches to the student and the algorithm, where this iteration is measured."""
        if batch_idx % self.interval:
            return
        algorithm = runner.algorithm
        named = runner.cfg.model.get('student', {}).get('taps')
        path = resolve_taps(algorithm.student, [self.tap], named)[self.tap]
        if not isinstance(path, str):
            raise ConfigError(f'GradientShareHook: the tap {self.tap!r} reads {len(path)} tensors, expected one')
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        scale = scaler.get_scale() if scaler else 1.0

        def measure(_: Any, inputs: tuple, losses: Losses) -> None:
            feature, self._feature = self._feature, None
            if feature is None or not feature.requires_grad:
                lacks = 'did not fire' if feature is None else 'has no gradient'
                raise ConfigError(f'GradientShareHook: the tap {self.tap!r} {lacks}: choose another, such as map')
            self._norms = gradient_norms(losses, feature, scale)

        self._attached.enter_context(replaced(algorithm.student, path, self._record))
        self._attached.callback(algorithm.register_forward_hook(measure).remove)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Detaches, and logs what was measured."""
        self._attached.close()
        found, self._norms = {name: norm.item() for name, norm in self._norms.items()}, {}
        total = sum(found.values())
        if not found or not math.isfinite(total):
            return
        norms = self._absent | found
        self._absent = dict.fromkeys(norms, 0.0)
        shares = {name: norm / total if total else 0.0 for name, norm in norms.items()}
        self._measured.append(shares)
        for kind, values in (('grad_norm', norms), ('grad_share', shares)):
            for name, value in values.items():
                # The log writes means over the last entries; of what lies iterations apart, only the last counts.
                scalars = runner.message_hub.log_scalars
                scalars.setdefault(f'train/{kind}/{name}', HistoryBuffer(max_length=1)).update(value)

    def after_train_epoch(self, runner: Runner) -> None:
        """Adds the epoch's means to the message hub's ``gradient_share``."""
        steps, self._measured = self._measured, []
        parts = dict.fromkeys(name for shares in steps for name in shares)
        self._epochs.append({name: sum(shares.get(name, 0.0) for shares in steps) / len(steps) for name in parts})
        self._publish(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Saves the means with the run."""
        checkpoint['gradient_share'] = {'epochs': self._epochs, 'measured': self._measured}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Takes up the means of a run that continues; not those of one whose weights are only loaded."""
        if runner._resume and 'gradient_share' in checkpoint:
            saved = checkpoint['gradient_share']
            self._epochs, self._measured = list(saved['epochs']), list(saved['measured'])

    def _publish(self, runner: Runner) -> None:
        parts = dict.fromkeys(name for means in self._epochs for name in means)
        history = {name: [means.get(name, 0.0) if means else math.nan for means in self._epochs] for name in parts}
        runner.message_hub.update_info('gradient_share', history)

    def _record(self, feature: Any) -> Any:
        if not isinstance(feature, Tensor):
            raise ConfigError(f'GradientShareHook: the tap {self.tap!r} reads a {type(feature).__name__}, not a tensor')
        self._feature = feature  # of several calls the last is read, as taps do
        return feature
