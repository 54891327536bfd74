"""MMEngine's runner with checkpoints that are written whole, read safely and hold the student apart."""

from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import MMLogger
from torch import nn

from fdkd.engine.compile import compile_networks
from fdkd.engine.config_text import TextedConfig
from fdkd.engine.console import shorten_console
from fdkd.engine.gradient_share import GradientShareHook
from fdkd.engine.resuming import ResumingRunner
from fdkd.engine.sharding import ShardTeacherHook
from fdkd.errors import ConfigError
from fdkd.registry import RUNNERS

#: What MMEngine warns of where a run is resumed in the middle of a step: here the checkpoint holds those gradients.
_LOST = 'Resumed iteration number is not divisible by'
#: How MMEngine writes the second in which a run began, and those that this process has given to a run.
_SECOND, _GIVEN = '%Y%m%d_%H%M%S', set()


@RUNNERS.register_module()
class Runner(ResumingRunner):
    """What differs from MMEngine's runner is its checkpoints, and what two keys of a config do.

    - How it saves and resumes: :class:`~fdkd.engine.saving.SavingRunner`,
      :class:`~fdkd.engine.resuming.ResumingRunner`.
    - ``channels_last=True`` keeps four-dimensional weights and inputs with their channels innermost.
    - ``compile=True``, or arguments of ``torch.compile``, compiles the networks between their taps, for training.
    - The text of the config is formatted once: :class:`~fdkd.engine.config_text.TextedConfig`.
    """

    def __init__(self, *args: Any, cfg: Config | dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, cfg=TextedConfig.of(cfg) if isinstance(cfg, Config) else cfg, **kwargs)

    def setup_env(self, env_cfg: dict) -> None:
        """As MMEngine's; what a run is called, and what logs it, is no other run's of this process.

        MMEngine calls both after the config's file and the second: two runs that begin in one would share them.
        """
        super().setup_env(env_cfg)
        second = datetime.strptime(self._timestamp, _SECOND)
        while (name := second.strftime(_SECOND)) in _GIVEN:
            second += timedelta(seconds=1)
        _GIVEN.add(name)
        self._timestamp = name

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """MMEngine's logger with a console that leaves the long records to the log file."""
        logger = super().build_logger(*args, **kwargs)
        shorten_console(logger)
        logger.addFilter(lambda record: _LOST not in record.getMessage())
        return logger

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """The algorithm, in the memory format that the config asks for; on a GPU its heads do not wait for it."""
        from fdkd.models import mmseg_losses  # imports all of MMSegmentation's models

        model = super().build_model(model)
        mmseg_losses.install_accuracy()
        if get_device() != 'cpu':
            mmseg_losses.unsynchronised(model)
        if self.cfg.get('channels_last'):
            model.to(memory_format=torch.channels_last)
            model.data_preprocessor.memory_format = torch.channels_last
        return model

    def _init_model_weights(self) -> None:
        """Draws the weights in the usual layout: random numbers fill a tensor as it lies in memory."""
        if self.cfg.get('channels_last'):
            self.algorithm.to(memory_format=torch.contiguous_format)
        super()._init_model_weights()
        if self.cfg.get('channels_last'):
            self.algorithm.to(memory_format=torch.channels_last)

    def train(self) -> nn.Module:
        """Trains; networks that are compiled for it are as before afterwards."""
        with ExitStack() as self._compiled:
            return super().train()

    def _maybe_compile(self, target: str) -> None:
        """Where MMEngine would compile the whole step, with everything that hooks and exceptions do in it."""
        if (options := self.cfg.get('compile')) in (None, False):
            return
        for hook in self.hooks:
            if isinstance(hook, (GradientShareHook, ShardTeacherHook)):
                raise ConfigError(f'compile: {type(hook).__name__} reaches into networks that are compiled; drop one')
        self._compiled.callback(compile_networks(self.algorithm, {} if options is True else dict(options)))
        self.logger.info('the networks are compiled in the first iterations, which take long')
