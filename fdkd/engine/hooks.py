"""Hooks that every training runs."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from fdkd.errors import NonFiniteLossError
from fdkd.registry import HOOKS


@HOOKS.register_module()
class StopOnNonFiniteLoss(Hook):
    """Stops at the first NaN or infinite loss, before anything is saved.

    Raises:
        NonFiniteLossError: With the iteration, the parts of the loss and the ids of the samples.
    """

    priority = 'VERY_HIGH'

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict[str, Any], outputs: dict[str, Any]
    ) -> None:
        if outputs['loss'].isfinite():
            return
        parts = ', '.join(f'{name} {value.item():.4g}' for name, value in outputs.items() if 'loss' in name)
        ids = ', '.join(sample.metainfo['sample_id'] for sample in data_batch['data_samples'])
        raise NonFiniteLossError(
            f'the loss is not finite at iteration {runner.iter + 1} (epoch {runner.epoch + 1}): {parts}; '
            f'samples: {ids}. Lower optim_wrapper.optimizer.lr or set optim_wrapper.clip_grad; '
            'what was saved before is intact'
        )
