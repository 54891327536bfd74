"""MMEngine's runner with checkpoints that are written whole, read safely and hold the student apart."""

import os
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.device import get_device
from mmengine.dist import all_gather_object, get_rank, is_main_process
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner as MMEngineRunner
from torch import Tensor, nn

from fdkd.algorithms.teacher import STUDENT_PREFIX
from fdkd.checkpoint import load_weights, read_checkpoint, write_checkpoint
from fdkd.engine.compile import compile_networks
from fdkd.engine.console import shorten_console
from fdkd.engine.gradient_share import GradientShareHook
from fdkd.engine.history import pack_history, unpack_history
from fdkd.engine.randomness import random_state, restore_random_state
from fdkd.engine.sharding import ShardTeacherHook
from fdkd.errors import CheckpointError, ConfigError
from fdkd.registry import RUNNERS

STUDENT_FILE = 'student.pth'


def newest_checkpoint(folder: Path) -> Path | None:
    """The full checkpoint in ``folder`` that was written last, wherever the folder has been moved since."""
    written = [*folder.glob('epoch_*.pth'), *folder.glob('iter_*.pth')]
    return max(written, key=lambda path: path.stat().st_mtime_ns, default=None)


@RUNNERS.register_module()
class Runner(MMEngineRunner):
    """What differs from MMEngine's runner is its checkpoints, and what two keys of a config do.

    - Every save also writes ``student.pth`` with the student alone, loadable with ``torch.load(weights_only=True)``:
      ``state_dict`` of the bare network and ``meta`` (modality, classes, palette, epoch, config hash and text). Where
      the teacher trains as well, ``teacher.pth`` likewise.
    - Files are written beside their place and renamed; a killed save leaves the old file.
    - Reading runs no code: no unpickling of objects, and the config text in a checkpoint is not executed.
    - The generators' states of every rank are saved and restored.
    - Before a save every rank calls ``before_saving(runner)`` of the hooks that have it.
    - ``channels_last=True`` keeps four-dimensional weights and inputs with their channels innermost.
    - ``compile=True``, or arguments of ``torch.compile``, compiles the networks between their taps, for training.
    """

    @property
    def algorithm(self) -> nn.Module:
        """The algorithm, without DDP's wrapper."""
        return self.model.module if is_model_wrapper(self.model) else self.model

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """MMEngine's logger with a console that leaves the long records to the log file."""
        logger = super().build_logger(*args, **kwargs)
        shorten_console(logger)
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

    def load_or_resume(self) -> None:
        """Loads or resumes once, as the config asks."""
        if self._has_loaded:
            return
        if self._resume and (path := self._load_from or newest_checkpoint(Path(self.work_dir))):
            self.resume(path)
        elif self._load_from:
            self.load_checkpoint(self._load_from)
        self._has_loaded = True

    def load_checkpoint(self, filename: str, map_location: Any = 'cpu', **_: Any) -> dict[str, Any]:
        """Loads the algorithm's weights, all of which have to fit, and returns the checkpoint.

        Raises:
            CheckpointError: If the file is no checkpoint or does not fit.
        """
        checkpoint = read_checkpoint(filename, map_location, unsafe=self.cfg.get('unsafe_checkpoint', False))
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        weights = checkpoint.get('state_dict', checkpoint)
        whole = any(name.startswith(STUDENT_PREFIX) for name in weights)
        load_weights(self.algorithm if whole else self.algorithm.student, weights, filename)
        self._has_loaded = True
        self.logger.info(f'loaded {filename}')
        return checkpoint

    def resume(self, filename: str, **_: Any) -> None:
        """Continues the run that wrote ``filename``, at the iteration after it.

        Raises:
            CheckpointError: If the file is no full checkpoint of this algorithm.
        """
        checkpoint = self.load_checkpoint(filename)
        lacking = {'meta', 'history', 'optimizer', 'param_schedulers'} - set(checkpoint)
        if lacking:
            raise CheckpointError(f'{filename}: cannot be resumed, it holds no {", ".join(sorted(lacking))}')
        meta = checkpoint['meta']
        if meta['seed'] != self.seed:
            raise CheckpointError(
                f'{filename}: was trained with seed {meta["seed"]}, this run has seed {self.seed}: '
                f'pass --seed {meta["seed"]} to continue it'
            )
        if meta['config_hash'] != self.cfg.get('config_hash'):
            raise CheckpointError(
                f'{filename}: belongs to a run with another config, other options or another number of processes; '
                'resume with what it was started with, or choose another --work-dir'
            )
        self.train_loop._epoch, self.train_loop._iter = meta['epoch'], meta['iter']
        unpack_history(self.message_hub, checkpoint['history'])
        self.optim_wrapper.load_state_dict(checkpoint['optimizer'])
        _lay_out_states(self.optim_wrapper.optimizer)
        for scheduler, state in zip(self.param_schedulers, checkpoint['param_schedulers'], strict=True):
            scheduler.load_state_dict(state)
        if get_rank() < len(meta['random_states']):
            restore_random_state(meta['random_states'][get_rank()])
        self.logger.info(f'resumed {filename} at epoch {self.epoch + 1}, iteration {self.iter + 1}')

    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict[str, Any] | None = None,
        by_epoch: bool = True,
        **_: Any,
    ) -> None:
        """Saves the run, and the student alone; called on every rank, since each has random states of its own."""
        self.call_hook('before_saving')
        states = all_gather_object(random_state())
        optimizer = self.optim_wrapper.state_dict() if save_optimizer else None  # a sharded one takes all ranks
        if not is_main_process():
            return
        # A checkpoint at the end of an epoch is written before the loop counts the epoch, one within an epoch before
        # the loop counts the iteration.
        position = {
            'epoch': self.epoch + int(by_epoch),
            'iter': self.iter + int(not by_epoch),
        }
        meta = {
            **(meta or {}),
            **position,
            'modality': self.algorithm.modality,
            'classes': self._classes,
            'seed': self.seed,
            'config_hash': self.cfg.get('config_hash'),
            'cfg': self._config_text,
            'mmengine_version': mmengine.__version__,
            'random_states': states,
        }
        checkpoint = {
            'meta': meta,
            'state_dict': _on_cpu(self.algorithm.state_dict()),
            'history': pack_history(self.message_hub),
        }
        if save_optimizer:
            checkpoint['optimizer'] = optimizer
        if save_param_scheduler:
            checkpoint['param_schedulers'] = [scheduler.state_dict() for scheduler in self.param_schedulers]
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        os.makedirs(out_dir, exist_ok=True)
        write_checkpoint(checkpoint, Path(out_dir) / filename)
        for name, (modality, model) in self.algorithm.trained.items():
            self._save_alone(model, modality, Path(out_dir) / f'{name}.pth', position)

    @cached_property
    def _config_text(self) -> str:
        return self.cfg.pretty_text  # formatting it takes longer than saving a small model

    @property
    def _classes(self) -> list[str]:
        return list(self.train_dataloader.dataset.metainfo['classes'])

    def _save_alone(self, model: nn.Module, modality: str, path: Path, position: dict[str, int]) -> None:
        meta = {
            **position,
            'modality': modality,
            'classes': self._classes,
            'finished': position['iter'] >= self.max_iters,
            'palette': [list(colour) for colour in self.train_dataloader.dataset.metainfo.get('palette', [])],
            'seed': self.seed,
            'config_hash': self.cfg.get('config_hash'),
            'cfg': self._config_text,
        }
        write_checkpoint({'meta': meta, 'state_dict': _on_cpu(model.state_dict())}, path)


def _lay_out_states(optimizer: torch.optim.Optimizer) -> None:
    """Brings what an optimizer keeps of a parameter into the parameter's memory order, which fused kernels rely on."""
    local = getattr(optimizer, 'optim', optimizer)  # of a sharded one, what this rank keeps
    for parameter, states in local.state.items():
        for name, x in states.items():
            if isinstance(x, Tensor) and x.shape == parameter.shape and x.stride() != parameter.stride():
                states[name] = torch.empty_like(parameter, dtype=x.dtype).copy_(x)


def _on_cpu(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights as any model holds them, whatever the memory format of this run."""
    return {name: x.cpu().contiguous() for name, x in weights.items()}
