"""A moving average of the weights, which is what a run then leaves behind."""

from typing import Any

from mmengine.dist import get_world_size
from mmengine.hooks import EMAHook as MMEngineEMAHook
from mmengine.runner import Runner

from fdkd.checkpoint import check_weights
from fdkd.errors import ConfigError
from fdkd.registry import HOOKS


@HOOKS.register_module()
class EMAHook(MMEngineEMAHook):
    """MMEngine's hook, of whose averaged weights validation, ``student.pth`` and the report of a run speak alike.

    A full checkpoint holds them as its ``state_dict``, and beside them the weights that are trained, with which a
    resumed run goes on. Batch norm's statistics are those of the training, and with several processes the mean over
    them, unless ``update_buffers`` averages them as well.

    Args: as MMEngine's ``EMAHook``.

    Raises:
        ConfigError: If ``update_buffers`` is set in a run of several processes: each averages statistics of its own,
            and a checkpoint has those of one.
    """

    def before_run(self, runner: Runner) -> None:
        if self.ema_cfg.get('update_buffers') and get_world_size() > 1:
            raise ConfigError(
                'EMAHook: update_buffers=True averages the batch statistics of each process apart, and a checkpoint '
                'holds those of one: leave it out, or train in one process'
            )
        super().before_run(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Puts the averaged weights where the trained ones stand, and those beside them."""
        if not self.ema_model.update_buffers:  # which may have become the mean over the processes since the last step
            for own, trained in zip(self.ema_model.module.buffers(), self.src_model.buffers(), strict=True):
                own.copy_(trained)
        super().before_save_checkpoint(runner, checkpoint)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Takes the average back in a resumed run; another begins with the first step of its own."""
        if runner.resumed_from is not None:
            check_weights(runner.algorithm, checkpoint['state_dict'], runner.resumed_from)
            super().after_load_checkpoint(runner, checkpoint)

    def after_train(self, runner: Runner) -> None:
        """Leaves the averaged weights in the model, for the report."""
        self._swap_ema_parameters()
