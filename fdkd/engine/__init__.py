"""How training runs: runner, loop, hooks, precision, processes."""

from fdkd.engine.amp import CPUAmpOptimWrapper
from fdkd.engine.data_watch import DataWatch
from fdkd.engine.gradient_share import GradientShareHook
from fdkd.engine.hooks import StopOnNonFiniteLoss
from fdkd.engine.loop import EpochLoop
from fdkd.engine.prompts import LearnPrompts
from fdkd.engine.runner import Runner

__all__ = [
    'CPUAmpOptimWrapper',
    'DataWatch',
    'EpochLoop',
    'GradientShareHook',
    'LearnPrompts',
    'Runner',
    'StopOnNonFiniteLoss',
]
