"""Mixed precision: on a CPU, which MMEngine's AmpOptimWrapper refuses; and float16's steps that are left out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from fdkd.engine import deferred
from fdkd.errors import NonFiniteLossError
from fdkd.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Runs the forward pass in bfloat16 where that is safe; bfloat16 has float32's range, so no loss scaling."""

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield


def scales_gradients(wrapper: OptimWrapper) -> bool:
    """Whether gradients are scaled for float16, and steps with some that overflow left out."""
    scaler = getattr(wrapper, 'loss_scaler', None)
    return scaler is not None and scaler.is_enabled()


class SkippedSteps:
    """Counts, without waiting for a GPU, the steps that a scaler leaves out because the scaled gradients overflow.

    That belongs to float16: the scaler then halves the scale, and goes on. The log shows ``skipped_steps``, all so far.

    Args:
        wrapper: An optimizer wrapper that scales.
        scalars: Where scalars of the training wait.
    """

    #: After so many in a row, the scale is a 2^50th of what it was, and it is not the scale that is to blame.
    LONGEST_ROW = 50
    _NAME = 'train/skipped_steps'

    def __init__(self, wrapper: OptimWrapper, scalars: deferred.DeferredScalars) -> None:
        self.wrapper, self.scalars = wrapper, scalars
        before = scalars.hub.log_scalars.get(self._NAME)
        self._count: Tensor | float = float(before.current()) if before else 0.0

    def attach(self) -> None:
        """Begins to count."""
        scaler = self.wrapper.loss_scaler
        self._update, scaler.update = scaler.update, self._count_and_update

    def detach(self) -> None:
        self.wrapper.loss_scaler.update = self._update

    def look(self) -> None:
        """Looks at the count.

        Raises:
            NonFiniteLossError: If the last :attr:`LONGEST_ROW` steps were all left out.
        """
        history = self.scalars.hub.log_scalars.get(self._NAME)
        counts = np.concatenate([[0.0], history.data[0]]) if history else np.zeros(1)
        if len(counts) > self.LONGEST_ROW and counts[-1] - counts[-1 - self.LONGEST_ROW] == self.LONGEST_ROW:
            scale = self.wrapper.loss_scaler.get_scale()
            raise NonFiniteLossError(
                f'the last {self.LONGEST_ROW} steps were left out, since gradients in float16 are not finite at a loss '
                f'scale of {scale:.3g} either: the training stands still. Use --amp-dtype bf16 or no --amp, or lower '
                'optim_wrapper.optimizer.lr; what was saved before is intact'
            )

    def _count_and_update(self, *args: Any, **kwargs: Any) -> None:
        found = self.wrapper.loss_scaler._found_inf_per_device(self.wrapper.optimizer)  # update() forgets them
        self._count = self._count + sum(found.values())
        if deferred.worth_deferring(self._count):
            self.scalars.update(self._NAME, self._count)
        else:
            self.scalars.hub.update_scalar(self._NAME, self._count)
        self._update(*args, **kwargs)
