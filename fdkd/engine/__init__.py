"""How training runs: runner, loop, hooks, precision, processes."""

from fdkd.engine.amp import CPUAmpOptimWrapper
from fdkd.engine.averaging import EMAHook
from fdkd.engine.batch_statistics import AverageStatistics
from fdkd.engine.checkpoints import CheckpointHook
from fdkd.engine.data_watch import DataWatch
from fdkd.engine.deferred import DeferredRuntimeInfo
from fdkd.engine.gradient_share import GradientShareHook
from fdkd.engine.hooks import StopOnNonFiniteLoss
from fdkd.engine.interruption import StopOnSignal
from fdkd.engine.loop import EpochLoop
from fdkd.engine.prompts import LearnPrompts
from fdkd.engine.runner import Runner
from fdkd.engine.sharding import ShardTeacherHook
from fdkd.engine.teacher_cache import TeacherCacheHook
from fdkd.engine.trackers import MLflowVisBackend, WandbVisBackend

__all__ = [
    'AverageStatistics',
    'CPUAmpOptimWrapper',
    'CheckpointHook',
    'DataWatch',
    'DeferredRuntimeInfo',
    'EMAHook',
    'EpochLoop',
    'GradientShareHook',
    'LearnPrompts',
    'MLflowVisBackend',
    'Runner',
    'ShardTeacherHook',
    'StopOnNonFiniteLoss',
    'StopOnSignal',
    'TeacherCacheHook',
    'WandbVisBackend',
]
