"""Batch norm's running averages, of which every rank collects its own, made one."""

from mmengine.dist import all_reduce_params
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from fdkd.registry import HOOKS


def average_statistics(model: nn.Module) -> None:
    """Replaces the running mean and variance of every normalisation by their means over the ranks, in place.

    Each rank estimates the same two figures from batches of its own, so their plain mean is the estimate from all. No
    other buffer is touched: constants would drift by rounding. Does nothing in a single process.
    """
    norms = [module for module in model.modules() if isinstance(module, _NormBase)]
    buffers = [x for norm in norms for x in (norm.running_mean, norm.running_var) if x is not None]
    if buffers:
        all_reduce_params(buffers, op='mean')


@HOOKS.register_module()
class AverageStatistics(Hook):
    """Averages batch norm's running statistics over the ranks at the end of each epoch and before each save.

    The ranks then evaluate their parts of a data set with one model, the one that rank 0 saves, and go on with it.
    (MMEngine's ``SyncBuffersHook`` averages all buffers, constants and counters included.)
    """

    priority = 'NORMAL'  # before CheckpointHook, which is VERY_LOW

    def after_train_epoch(self, runner: Runner) -> None:
        average_statistics(runner.algorithm)

    def before_saving(self, runner: Runner) -> None:
        """Called on every rank by fdkd's runner."""
        average_statistics(runner.algorithm)
