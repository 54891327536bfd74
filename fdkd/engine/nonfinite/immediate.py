"""Looking at the loss before its backward pass, and at the gradients before the optimizer steps: for CPUs."""

from contextlib import ExitStack
from typing import Any

from mmengine.dist import get_world_size
from mmengine.runner import Runner
from torch import Tensor, nn

from fdkd.engine.amp import scales_gradients
from fdkd.engine.nonfinite.finding import Finding, gradient_norms, not_finite, with_gradient
from fdkd.engine.nonfinite.saved import repeatable
from fdkd.engine.nonfinite.stop import agreed, stopped
from fdkd.engine.randomness import random_state


class ImmediateLooks:
    """Looks at every step before anything is done with it, so that the weights stay those before it.

    Gradients that were scaled for float16 are left to their scaler. Ranks agree after each backward pass, also where
    gradients accumulate, since they may be saved before the optimizer steps. A rank that ended alone, at its loss,
    would leave the others waiting for it.

    Args:
        runner: Of the training.
    """

    interval = 1

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._attached = ExitStack()
        self._before: tuple[dict[str, Any], dict[str, Tensor]] | None = None
        self._batch: dict[str, Any] | None = None
        self._losses: dict[str, Any] | None = None

    def attach(self) -> None:
        """Begins to look."""
        algorithm, wrapper = self.runner.algorithm, self.runner.optim_wrapper
        self._attached.callback(algorithm.register_forward_pre_hook(self._remember, with_kwargs=True).remove)
        self._attached.callback(algorithm.register_forward_hook(self._keep, with_kwargs=True).remove)
        self._backward, wrapper.backward = wrapper.backward, self._backward_and_look
        self._attached.callback(setattr, wrapper, 'backward', self._backward)

    def detach(self) -> None:
        self._attached.close()

    def after_step(self, data_batch: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Nothing is left to look at."""

    def look(self) -> None:
        """Nothing is left to look at."""

    def _remember(self, algorithm: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        if kwargs.get('mode') == 'loss':
            self._before = random_state(), {name: x.clone() for name, x in algorithm.named_buffers()}

    def _keep(self, algorithm: nn.Module, args: tuple, kwargs: dict[str, Any], losses: Any) -> None:
        if kwargs.get('mode') == 'loss':
            self._batch, self._losses = {key: kwargs[key] for key in ('inputs', 'data_samples')}, losses

    def _backward_and_look(self, loss: Tensor, **kwargs: Any) -> None:
        lost = not bool(loss.detach().isfinite())
        if lost and get_world_size() == 1:
            raise stopped(self.runner, *self._describe([]))
        self._backward(loss, **kwargs)
        broken = [] if scales_gradients(self.runner.optim_wrapper) else self._broken()
        if agreed(int(lost or bool(broken)), 'max'):
            raise stopped(self.runner, *self._describe(broken))
        self._before = self._batch = self._losses = None

    def _broken(self) -> list[str]:
        gradients = with_gradient(self.runner.algorithm)
        if not gradients or bool(gradient_norms(gradients, exact=False).isfinite().all()):
            return []
        return not_finite(gradients)

    def _describe(self, gradients: list[str]) -> tuple[Finding, dict[str, Any]]:
        algorithm, samples = self.runner.algorithm, self._batch['data_samples']
        parts = algorithm.parse_losses(self._losses)[1]
        finding = Finding(
            iteration=self.runner.iter + 1,
            epoch=self.runner.epoch + 1,
            ids=[sample.metainfo['sample_id'] for sample in samples],
            indices=[sample.metainfo.get('index', -1) for sample in samples],
            losses={name: value.item() for name, value in parts.items() if 'loss' in name},
            gradients=gradients,
            parameters=len(with_gradient(algorithm)),
        )
        return finding, repeatable(self.runner, self._batch, *self._before)
