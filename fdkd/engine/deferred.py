"""Scalars of a training that stay on the GPU until someone reads them.

``Tensor.item()`` makes the host wait until the GPU has done all that it was given. Asked for every part of the loss at
every iteration, it keeps the host from running ahead, and the GPU waits for work meanwhile.
"""

from typing import Any

import numpy as np
import torch
from mmengine.hooks import RuntimeInfoHook
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.runner import Runner
from torch import Tensor

from fdkd.engine.history import bound_history
from fdkd.registry import HOOKS

#: After so many iterations the histories of scalars, of which new ones may have begun, are bounded again.
_BOUNDED_EVERY = 1000


def worth_deferring(value: Any) -> bool:
    """Whether reading ``value`` now would make the host wait: on a CPU it costs nothing."""
    return isinstance(value, Tensor) and value.device.type != 'cpu'


class DeferredScalars:
    """Puts scalars into a message hub without reading them; the first look at one of them reads all, in one transfer.

    Whoever looks at a scalar in ``hub.log_scalars`` therefore finds the same values in the same order as if each had
    been read at once.

    Args:
        hub: Where the scalars go.
    """

    def __init__(self, hub: MessageHub) -> None:
        self.hub = hub
        self._waiting: list[tuple[DeferredHistory, Tensor]] = []

    def update(self, name: str, value: Tensor) -> None:
        """Appends a tensor of one element to the history of ``name``."""
        history = self.hub.log_scalars.get(name)
        if not isinstance(history, DeferredHistory) or history.scalars is not self:
            history = self.hub.log_scalars[name] = DeferredHistory(self, history)
        self.append(history, value)

    def append(self, history: 'DeferredHistory', value: Tensor) -> None:
        """Appends a tensor of one element to a history of these scalars, in a hub or not."""
        # What waits must not keep the step's graph alive.
        self._waiting.append((history, value.detach().reshape(())))

    def read(self) -> None:
        """Brings all that waits to its histories."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        values = torch.stack([value for _, value in waiting]).tolist()
        for history, number in zip([history for history, _ in waiting], values, strict=True):
            history.update(number)


class DeferredHistory(HistoryBuffer):
    """A history whose last values may still lie on the GPU; every look at it brings them.

    Args:
        scalars: What holds them back.
        before: The history so far.
    """

    def __init__(self, scalars: DeferredScalars, before: HistoryBuffer | None) -> None:
        self.scalars = scalars
        super().__init__(*(before.data if before else ()), max_length=before.max_length if before else 1_000_000)

    @property
    def _log_history(self) -> np.ndarray:
        self.scalars.read()
        return self._values

    @_log_history.setter
    def _log_history(self, values: np.ndarray) -> None:
        self._values = values

    @property
    def _count_history(self) -> np.ndarray:
        self.scalars.read()
        return self._counts

    @_count_history.setter
    def _count_history(self, counts: np.ndarray) -> None:
        self._counts = counts


def scalars_of(runner: Runner) -> DeferredScalars:
    """Where the scalars of a training wait; a new place for them where no hook of it makes them wait."""
    for hook in runner.hooks:
        if isinstance(hook, DeferredRuntimeInfo):
            return hook.scalars
    return DeferredScalars(runner.message_hub)


@HOOKS.register_module()
class DeferredRuntimeInfo(RuntimeInfoHook):
    """MMEngine's ``RuntimeInfoHook``, which leaves the parts of the loss on the GPU until they are read.

    The norm of the gradients, which MMEngine's optimizer wrappers log where they clip it, likewise. On a CPU it logs
    what MMEngine's does. On any device the histories of scalars are bounded, see
    :func:`~fdkd.engine.history.bound_history`.
    """

    def before_train(self, runner: Runner) -> None:
        """Makes ready what :meth:`after_train_iter` fills."""
        super().before_train(runner)
        self.scalars = DeferredScalars(runner.message_hub)
        if getattr(runner.optim_wrapper, 'clip_grad_kwargs', None):
            self._watch_clipping(runner.optim_wrapper)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Logs the parts of the loss."""
        for name, value in (outputs or {}).items():
            if worth_deferring(value):
                self.scalars.update(f'train/{name}', value)
            else:
                runner.message_hub.update_scalar(f'train/{name}', value)
        if self.every_n_train_iters(runner, _BOUNDED_EVERY):
            bound_history(runner)

    def _watch_clipping(self, wrapper: Any) -> None:
        """A norm that the clipping function does not return is not logged by the wrapper; it is here."""
        clip, name = wrapper.clip_func, f'train/{wrapper.grad_name}'

        def clip_and_keep(*args: Any, **kwargs: Any) -> Tensor | None:
            norm = clip(*args, **kwargs)
            if not worth_deferring(norm):
                return norm
            self.scalars.update(name, norm)
            return None

        wrapper.clip_func = clip_and_keep
