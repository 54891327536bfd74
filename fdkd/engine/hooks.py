"""Hooks that every training runs."""

from typing import Any, NamedTuple

import numpy as np
from mmengine.hooks import Hook, LoggerHook
from mmengine.runner import Runner

from fdkd.engine import deferred
from fdkd.errors import NonFiniteLossError
from fdkd.registry import HOOKS


class _Step(NamedTuple):
    """An iteration whose loss nobody has looked at yet: counted from 1, with the names of its parts."""

    iteration: int
    epoch: int
    parts: list[str]
    ids: list[str]


@HOOKS.register_module()
class StopOnNonFiniteLoss(Hook):
    """Stops at the first NaN or infinite loss, before anything is saved.

    On a GPU a look at the loss would make the host wait. There the losses since the last look are looked at when the
    log is written, at the end of an epoch, and before a checkpoint is saved or a validation starts.

    Raises:
        NonFiniteLossError: With the iteration, the parts of the loss and the ids of the samples.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._unseen: list[_Step] = []
        self._interval = 0

    def before_train(self, runner: Runner) -> None:
        """Finds out how often the log is written."""
        self._interval = min((hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)), default=0)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any], outputs: dict[str, Any]
    ) -> None:
        """Looks at the loss, or remembers whose loss to look at."""
        parts = [name for name in outputs if 'loss' in name]
        ids = [sample.metainfo['sample_id'] for sample in data_batch['data_samples']]
        step = _Step(runner.iter + 1, runner.epoch + 1, parts, ids)
        if not deferred.worth_deferring(outputs['loss']):
            if not outputs['loss'].isfinite():
                raise _error(step, {name: outputs[name].item() for name in parts})
            return
        self._unseen.append(step)
        if self.every_n_inner_iters(batch_idx, self._interval):
            self._look(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        self._look(runner)

    def before_val(self, runner: Runner) -> None:
        self._look(runner)

    def before_saving(self, runner: Runner) -> None:
        self._look(runner)

    def _look(self, runner: Runner) -> None:
        """Looks at the losses of all unseen iterations, which the message hub holds."""
        unseen, self._unseen = self._unseen, []
        if not unseen:
            return
        losses = _last(runner, 'loss', len(unseen))
        if np.isfinite(losses).all():
            return
        first = int(np.argmin(np.isfinite(losses)))
        after = unseen[first:]
        found = {name: _last(runner, name, sum(name in step.parts for step in after))[0] for name in after[0].parts}
        raise _error(after[0], found)


def _last(runner: Runner, name: str, count: int) -> np.ndarray:
    return runner.message_hub.log_scalars[f'train/{name}'].data[0][-count:]


def _error(step: _Step, parts: dict[str, float]) -> NonFiniteLossError:
    described = ', '.join(f'{name} {value:.4g}' for name, value in parts.items())
    return NonFiniteLossError(
        f'the loss is not finite at iteration {step.iteration} (epoch {step.epoch}): {described}; '
        f'samples: {", ".join(step.ids)}. Lower optim_wrapper.optimizer.lr or set optim_wrapper.clip_grad; '
        'what was saved before is intact'
    )
