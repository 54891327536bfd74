"""Looking at losses and gradients without making the host wait: for GPUs."""

import math
from typing import Any, NamedTuple

import numpy as np
from mmengine.hooks import LoggerHook
from mmengine.runner import Runner
from torch import Tensor

from fdkd.engine.amp import scales_gradients
from fdkd.engine.deferred import DeferredHistory, DeferredScalars
from fdkd.engine.nonfinite.finding import Finding, gradient_norms, with_gradient
from fdkd.engine.nonfinite.stop import agreed, stopped


class _Step(NamedTuple):
    """An iteration that nobody has looked at yet."""

    finding: Finding  # without its losses
    parts: list[str]
    names: list[str]  # of the parameters with a gradient
    norms: Tensor | None  # of the gradients, on the device


class DeferredLooks:
    """Remembers every step on the device and looks at all of them when the log is written, or something is saved.

    By then the optimizer has stepped with them, so what is kept of the first that is not finite says which it was, and
    not how to repeat it.

    Args:
        runner: Of the training.
        scalars: Where its losses wait.
    """

    def __init__(self, runner: Runner, scalars: DeferredScalars) -> None:
        self.runner, self.scalars = runner, scalars
        self.interval = min((hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)), default=0)
        self._unseen: list[_Step] = []
        self._norms: Tensor | None = None
        self._names: list[str] = []
        self._largest = DeferredHistory(scalars, None)

    def attach(self) -> None:
        """Begins to remember."""
        wrapper = self.runner.optim_wrapper
        self._backward, wrapper.backward = wrapper.backward, self._backward_and_remember

    def detach(self) -> None:
        self.runner.optim_wrapper.backward = self._backward

    def after_step(self, data_batch: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Remembers whose step it was."""
        samples = data_batch['data_samples']
        finding = Finding(
            iteration=self.runner.iter + 1,
            epoch=self.runner.epoch + 1,
            ids=[sample.metainfo['sample_id'] for sample in samples],
            indices=[sample.metainfo.get('index', -1) for sample in samples],
            losses={},
            gradients=[],
            parameters=len(self._names),
        )
        parts = [name for name in outputs if 'loss' in name]
        self._unseen.append(_Step(finding, parts, self._names, self._norms))
        self._names, self._norms = [], None

    def look(self) -> None:
        """Looks at what is remembered; ranks agree on the first step that is not finite on one of them.

        Raises:
            NonFiniteLossError: If there is one.
        """
        unseen, self._unseen = self._unseen, []
        largest, self._largest = self._largest, DeferredHistory(self.scalars, None)
        if not unseen:
            return
        norms = iter(largest.data[0])
        gradients = np.array([0.0 if step.norms is None else next(norms) for step in unseen])
        finite = np.isfinite(self._last('loss', len(unseen))) & np.isfinite(gradients)
        first = agreed(len(unseen) if finite.all() else int(np.argmin(finite)), 'min')
        if first < len(unseen):
            raise stopped(self.runner, self._described(unseen[first:]), None)

    def _backward_and_remember(self, loss: Tensor, **kwargs: Any) -> None:
        self._backward(loss, **kwargs)
        gradients = with_gradient(self.runner.algorithm)
        if not gradients or scales_gradients(self.runner.optim_wrapper):
            return
        self._names, self._norms = list(gradients), gradient_norms(gradients, exact=True)
        self.scalars.append(self._largest, self._norms.max())

    def _described(self, steps: list[_Step]) -> Finding:
        """The first of these steps, with its losses and gradients."""
        step = steps[0]
        losses = {name: float(self._last(name, sum(name in each.parts for each in steps))[0]) for name in step.parts}
        norms = [] if step.norms is None else step.norms.tolist()
        broken = [name for name, norm in zip(step.names, norms, strict=True) if not math.isfinite(norm)]
        return step.finding._replace(losses=losses, gradients=broken)

    def _last(self, name: str, count: int) -> np.ndarray:
        return self.runner.message_hub.log_scalars[f'train/{name}'].data[0][-count:]
