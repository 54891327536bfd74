"""Hooks that every training runs."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from fdkd.engine import deferred
from fdkd.engine.amp import SkippedSteps, scales_gradients
from fdkd.engine.nonfinite.deferred import DeferredLooks
from fdkd.engine.nonfinite.immediate import ImmediateLooks
from fdkd.registry import HOOKS


@HOOKS.register_module()
class StopOnNonFiniteLoss(Hook):
    """Stops at the first loss or gradient that is NaN or infinite, before anything is saved, and keeps the step.

    On a CPU that is before the optimizer steps with it, and what is kept repeats the step to the last bit. On a GPU a
    look would make the host wait. There losses and norms of gradients stay on the device and are looked at when the
    log is written, at the end of an epoch, and before a checkpoint is saved or a validation starts;
    ``look_at_every_step = True`` in a config, which changes neither its hash nor its numbers, has the looks of a CPU on
    a GPU. docs/nonfinite.md says more, and ``fdkd replay`` repeats what is kept.

    With float16 a step whose scaled gradients overflow is left out and counted; that does not stop a training, unless
    it happens many times in a row.

    Raises:
        NonFiniteLossError: On every rank, with the iteration, the parts of the loss, the ids of the samples and, where
            the loss is finite, the parameters whose gradients are not.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._looks: ImmediateLooks | DeferredLooks | None = None
        self._skipped: SkippedSteps | None = None

    def before_train(self, runner: Runner) -> None:
        """Attaches to the algorithm and its optimizer."""
        scalars = deferred.scalars_of(runner)
        later = deferred.worth_deferring(next(runner.algorithm.parameters()))
        later = later and not runner.cfg.get('look_at_every_step', False)
        self._looks = DeferredLooks(runner, scalars) if later else ImmediateLooks(runner)
        self._looks.attach()
        if scales_gradients(runner.optim_wrapper):
            self._skipped = SkippedSteps(runner.optim_wrapper, scalars)
            self._skipped.attach()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any], outputs: dict[str, Any]
    ) -> None:
        self._looks.after_step(data_batch, outputs)
        if self.every_n_inner_iters(batch_idx, self._looks.interval):
            self._look()

    def after_train_epoch(self, runner: Runner) -> None:
        self._look()

    def before_val(self, runner: Runner) -> None:
        self._look()

    def before_saving(self, runner: Runner) -> None:
        self._look()

    def after_train(self, runner: Runner) -> None:
        """Detaches."""
        self._looks.detach()
        if self._skipped:
            self._skipped.detach()

    def _look(self) -> None:
        if self._looks:
            self._looks.look()
        if self._skipped:
            self._skipped.look()
