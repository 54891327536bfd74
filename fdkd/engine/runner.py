"""MMEngine's runner with checkpoints that are written whole, read safely and hold the student apart."""

import json
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
from mmengine.runner import BaseLoop
from mmengine.runner import Runner as MMEngineRunner
from torch import Tensor, nn

from fdkd.algorithms.teacher import STUDENT_PREFIX
from fdkd.checkpoint import load_weights, read_checkpoint, write_checkpoint
from fdkd.engine.checkpoints import check_resumable, newest_checkpoint, read_newest_intact
from fdkd.engine.compile import compile_networks
from fdkd.engine.console import shorten_console
from fdkd.engine.data_watch import skipped
from fdkd.engine.gradient_share import GradientShareHook
from fdkd.engine.history import confine_best_checkpoint, pack_history, unpack_history
from fdkd.engine.launch import from_rank_zero
from fdkd.engine.randomness import random_state, restore_random_state
from fdkd.engine.rank_state import gather_rank_states, own_buffers, put_buffers, restore_rank_state
from fdkd.engine.sharding import ShardTeacherHook
from fdkd.errors import CheckpointError, ConfigError
from fdkd.files import remove_leftovers
from fdkd.registry import RUNNERS

STUDENT_FILE = 'student.pth'
#: What MMEngine warns of where a run is resumed in the middle of a step: here the checkpoint holds those gradients.
_LOST = 'Resumed iteration number is not divisible by'


@RUNNERS.register_module()
class Runner(MMEngineRunner):
    """What differs from MMEngine's runner is its checkpoints, and what two keys of a config do.

    - Every save also writes ``student.pth`` with the student alone, loadable with ``torch.load(weights_only=True)``:
      ``state_dict`` of the bare network and ``meta`` (modality, classes, palette, epoch, config hash and text). Where
      the teacher trains as well, ``teacher.pth`` likewise.
    - Files are written beside their place and renamed; a killed save leaves the old file, and what it had begun is
      removed at the next start. ``student.pth`` comes first, so that it is never older than what a run resumes.
    - A damaged checkpoint is not resumed, but the one before it; saving one leaves the run as it is.
    - Reading runs no code: no unpickling of objects, and the config text in a checkpoint is not executed.
    - The generators' states of every rank are saved and restored, and in the middle of a step that takes several
      batches, their gradients.
    - Before a save every rank calls ``before_saving(runner)`` of the hooks that have it.
    - ``channels_last=True`` keeps four-dimensional weights and inputs with their channels innermost.
    - ``compile=True``, or arguments of ``torch.compile``, compiles the networks between their taps, for training.
    """

    #: The checkpoint that this run continues, if any.
    resumed_from: Path | None = None
    #: Newer ones that were found damaged.
    damaged: tuple[Path, ...] = ()

    @property
    def algorithm(self) -> nn.Module:
        """The algorithm, without DDP's wrapper."""
        return self.model.module if is_model_wrapper(self.model) else self.model

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

    def load_or_resume(self) -> None:
        """Resumes, once, the newest intact checkpoint in the work dir, if that is asked for and there is one.

        Otherwise loads the config's ``load_from``, if any; where that is damaged, nothing takes its place.

        Raises:
            CheckpointError: If there are checkpoints in the work dir and none is intact, or if what is read does not
                fit.
        """
        if self._has_loaded:
            return
        folder = Path(self.work_dir)
        if is_main_process():
            for path in remove_leftovers(folder):
                self.logger.info(f'{path}: removed, a process that was killed had begun to write it')
        if not self._resume and isinstance(self._train_loop, BaseLoop):  # it trains
            self._warn_of_earlier_run(folder)
        if not self._resume or not self._resume_newest(folder):
            self._resume = False  # which hooks ask for
            if self._load_from:
                self.load_checkpoint(self._load_from)
        self._has_loaded = True

    def _warn_of_earlier_run(self, folder: Path) -> None:
        if is_main_process() and newest_checkpoint(folder) is not None:
            self.logger.warning(
                f'{folder}: holds checkpoints of an earlier run, which this one replaces: until this one has saved, '
                '--resume would continue that; choose another --work-dir or remove them'
            )

    def _resume_newest(self, folder: Path) -> bool:
        found = {}

        def choose() -> tuple[Path, dict[Path, str]] | None:
            if (newest := read_newest_intact(folder, self._unsafe)) is None:
                return None
            path, found[path], damages = newest
            return path, damages

        if (chosen := from_rank_zero(choose)) is None:
            return False
        path, damages = chosen
        self.damaged = tuple(damages)
        for damage in damages.values():
            self.logger.warning(f'{damage}. Resuming {path} instead, the newest that is intact')
        self._continue(path, found.get(path) or read_checkpoint(path, unsafe=self._unsafe))
        return True

    @property
    def _unsafe(self) -> bool:
        return self.cfg.get('unsafe_checkpoint', False)

    def load_checkpoint(self, filename: str, map_location: Any = 'cpu', **_: Any) -> dict[str, Any]:
        """Loads the algorithm's weights, all of which have to fit, and returns the checkpoint.

        Raises:
            CheckpointError: If the file is no checkpoint or does not fit.
        """
        checkpoint = read_checkpoint(filename, map_location, unsafe=self._unsafe)
        self._load(filename, checkpoint)
        return checkpoint

    def _load(self, filename: str | Path, checkpoint: dict[str, Any]) -> None:
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        weights = checkpoint.get('state_dict', checkpoint)
        if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
            raise CheckpointError(f'{filename}: holds no weights by name')
        whole = any(name.startswith(STUDENT_PREFIX) for name in weights)
        load_weights(self.algorithm if whole else self.algorithm.student, weights, filename)
        self._has_loaded = True
        self.logger.info(f'loaded {filename}')

    def resume(self, filename: str, **_: Any) -> None:
        """Continues the run that wrote ``filename``, at the iteration after it.

        Raises:
            CheckpointError: If the file is no full checkpoint of this algorithm.
        """
        self._continue(Path(filename), read_checkpoint(filename, unsafe=self._unsafe))

    def _continue(self, path: Path, checkpoint: dict[str, Any]) -> None:
        try:
            self._restore(path, checkpoint)
        except torch.OutOfMemoryError:
            raise
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:  # no states, or others'
            raise CheckpointError(
                f'{path}: cannot be resumed, what it holds does not fit this run ({type(error).__name__}: {error})'
            ) from error

    def _restore(self, path: Path, checkpoint: dict[str, Any]) -> None:
        check_resumable(path, checkpoint, self.seed, self.cfg.get('config_hash'))
        meta, weights = checkpoint['meta'], dict(checkpoint['state_dict'])  # where hooks may put others
        self.resumed_from, self._resume = path, True  # which hooks ask for
        self._load(path, checkpoint)
        loop = self.train_loop
        loop._epoch, loop._iter, loop.validated = meta['epoch'], meta['iter'], meta.get('validated', 0)
        unpack_history(self.message_hub, checkpoint['history'])
        confine_best_checkpoint(self.message_hub, Path(self.work_dir))
        self.optim_wrapper.load_state_dict(checkpoint['optimizer'])
        _lay_out_states(self.optim_wrapper.optimizer)
        for scheduler, state in zip(self.param_schedulers, checkpoint['param_schedulers'], strict=True):
            scheduler.load_state_dict(state)
        restore_rank_state(self.algorithm, checkpoint.get('ranks', []))
        if get_rank() < len(meta['random_states']):
            restore_random_state(meta['random_states'][get_rank()])
        if self.iter >= self.max_iters and is_main_process():  # no further save replaces a student that is damaged
            self._save_trained(weights, Path(self.work_dir), meta)
        self.logger.info(f'resumed {path} at epoch {self.epoch + 1}, iteration {self.iter + 1}')

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
        before = {} if by_epoch else own_buffers(self.algorithm)  # at the end of an epoch they are one already
        self.call_hook('before_saving')
        states = all_gather_object(random_state())
        ranks = gather_rank_states(self.algorithm, self.optim_wrapper, before or own_buffers(self.algorithm))
        optimizer = self.optim_wrapper.state_dict() if save_optimizer else None  # a sharded one takes all ranks
        if is_main_process():
            meta = {
                **(meta or {}),
                **self.train_loop.position(by_epoch),
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
            if ranks:
                checkpoint['ranks'] = ranks
            if save_optimizer:
                checkpoint['optimizer'] = optimizer
            if save_param_scheduler:
                checkpoint['param_schedulers'] = [scheduler.state_dict() for scheduler in self.param_schedulers]
            self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
            checkpoint['state_dict'] = _on_cpu(checkpoint['state_dict'])  # which a hook may have replaced
            os.makedirs(out_dir, exist_ok=True)
            self._save_trained(checkpoint['state_dict'], Path(out_dir), meta)
            write_checkpoint(checkpoint, Path(out_dir) / filename)
        put_buffers(self.algorithm, before)  # to save is not to change what is trained

    def _save_trained(self, weights: dict[str, Tensor], folder: Path, position: dict[str, Any]) -> None:
        """Writes the models that training leaves behind, each alone, from the weights of a full checkpoint."""
        for name, (modality, _) in self.algorithm.trained.items():
            meta = {
                'epoch': position['epoch'],
                'iter': position['iter'],
                'modality': modality,
                'classes': self._classes,
                'finished': position['iter'] >= self.max_iters,
                'skipped': self._skipped,
                'palette': [list(colour) for colour in self.train_dataloader.dataset.metainfo.get('palette', [])],
                'seed': self.seed,
                'config_hash': self.cfg.get('config_hash'),
                'cfg': self._config_text,
            }
            alone = {key.removeprefix(f'{name}.'): x for key, x in weights.items() if key.startswith(f'{name}.')}
            write_checkpoint({'meta': meta, 'state_dict': alone}, folder / f'{name}.pth')

    @cached_property
    def _config_text(self) -> str:
        return self.cfg.pretty_text  # formatting it takes longer than saving a small model

    @property
    def _skipped(self) -> int:
        """How many training samples could not be read, also before a run was resumed that skips none now."""
        unread = skipped(self)
        if unread is None and self.resumed_from:
            return len(json.loads(self.message_hub.get_info('skipped', '{}')))
        return unread['number'] if unread else 0

    @property
    def _classes(self) -> list[str]:
        return list(self.train_dataloader.dataset.metainfo['classes'])


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
