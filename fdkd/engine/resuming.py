"""How a run takes up what it, or another, has saved."""

from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_rank, is_main_process
from mmengine.runner import BaseLoop
from torch import Tensor, nn

from fdkd.algorithms.teacher import STUDENT_PREFIX
from fdkd.checkpoint import check_weights, read_checkpoint
from fdkd.engine.checkpoints import check_resumable, holds_checkpoints, read_newest_intact, run_number_of_new
from fdkd.engine.history import confine_best_checkpoint, lift_bounds, unpack_history
from fdkd.engine.launch import from_rank_zero
from fdkd.engine.optimizer_states import check_optimizer_states, lay_out_states
from fdkd.engine.randomness import restore_random_state
from fdkd.engine.rank_state import restore_rank_state
from fdkd.engine.saving import SavingRunner
from fdkd.errors import CheckpointError
from fdkd.files import remove_leftovers


class ResumingRunner(SavingRunner):
    """A runner that reads checkpoints without running code.

    - A damaged checkpoint is not resumed, but the one before it; saving one leaves the run as it is.
    - What a save that was killed had begun is removed at the next start.
    - No objects are unpickled, and the config text in a checkpoint is not executed.
    """

    #: The checkpoint that this run continues, if any.
    resumed_from: Path | None = None
    #: Those that would have come before it, and were found damaged.
    damaged: tuple[Path, ...] = ()

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
        if not self._resume and isinstance(self._train_loop, BaseLoop) and is_main_process():  # it trains
            self._follow_earlier_run(folder)
        if not self._resume or not self._resume_newest(folder):
            self._resume = False  # which hooks ask for
            if self._load_from:
                self.load_checkpoint(self._load_from)
        self._has_loaded = True

    def _follow_earlier_run(self, folder: Path) -> None:
        self.run_number = run_number_of_new(folder, self.unsafe_checkpoint)
        if holds_checkpoints(folder):
            self.logger.warning(
                f'{folder}: holds checkpoints of an earlier run, which this one replaces: until this one has saved, '
                '--resume would continue that; choose another --work-dir or remove them'
            )

    def _resume_newest(self, folder: Path) -> bool:
        found = {}

        def choose() -> tuple[Path, dict[Path, str]] | None:
            if (newest := read_newest_intact(folder, self.unsafe_checkpoint)) is None:
                return None
            path, found[path], damages = newest
            return path, damages

        if (chosen := from_rank_zero(choose)) is None:
            return False
        path, damages = chosen
        self.damaged = tuple(damages)
        for damage in damages.values():
            self.logger.warning(f'{damage}. Resuming {path} instead, the newest that is intact')
        self._continue(path, found.get(path) or read_checkpoint(path, unsafe=self.unsafe_checkpoint))
        return True

    @property
    def unsafe_checkpoint(self) -> bool:
        """Whether checkpoints are unpickled without restriction."""
        return self.cfg.get('unsafe_checkpoint', False)

    def load_checkpoint(self, filename: str, map_location: Any = 'cpu', **_: Any) -> dict[str, Any]:
        """Loads the algorithm's weights, all of which have to fit, and returns the checkpoint.

        Raises:
            CheckpointError: If the file is no checkpoint or does not fit.
        """
        checkpoint = read_checkpoint(filename, map_location, unsafe=self.unsafe_checkpoint)
        self._load(filename, *self._fitting(filename, checkpoint))
        return checkpoint

    def _fitting(self, filename: str | Path, checkpoint: dict[str, Any]) -> tuple[nn.Module, dict[str, Tensor]]:
        """What of the algorithm takes the weights of a checkpoint, and those, which fit once hooks have seen them."""
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        weights = checkpoint.get('state_dict', checkpoint)
        if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
            raise CheckpointError(f'{filename}: holds no weights by name')
        whole = any(name.startswith(STUDENT_PREFIX) for name in weights)
        model = self.algorithm if whole else self.algorithm.student
        check_weights(model, weights, filename)
        return model, weights

    def _load(self, filename: str | Path, model: nn.Module, weights: dict[str, Tensor]) -> None:
        model.load_state_dict(weights)
        self._has_loaded = True
        self.logger.info(f'loaded {filename}')

    def resume(self, filename: str, **_: Any) -> None:
        """Continues the run that wrote ``filename``, at the iteration after it.

        Raises:
            CheckpointError: If the file is no full checkpoint of this algorithm.
        """
        self._continue(Path(filename), read_checkpoint(filename, unsafe=self.unsafe_checkpoint))

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
        self.run_number = meta.get('run', 0)
        fitting = self._fitting(path, checkpoint)  # of another network the layer is named before its states
        check_optimizer_states(path, checkpoint['optimizer'], self.optim_wrapper.optimizer, self.algorithm)
        self._load(path, *fitting)
        loop = self.train_loop
        loop._epoch, loop._iter, loop.validated = meta['epoch'], meta['iter'], meta.get('validated', 0)
        unpack_history(self.message_hub, checkpoint['history'])
        lift_bounds(self)
        confine_best_checkpoint(self.message_hub, Path(self.work_dir))
        self.optim_wrapper.load_state_dict(checkpoint['optimizer'])
        lay_out_states(self.optim_wrapper.optimizer)
        for scheduler, state in zip(self.param_schedulers, checkpoint['param_schedulers'], strict=True):
            scheduler.load_state_dict(state)
        restore_rank_state(self.algorithm, checkpoint.get('ranks', []))
        if get_rank() < len(meta['random_states']):
            restore_random_state(meta['random_states'][get_rank()])
        if self.iter >= self.max_iters and is_main_process():  # no further save replaces a student that is damaged
            self._save_trained(weights, Path(self.work_dir), meta)
        self.logger.info(f'resumed {path} at epoch {self.epoch + 1}, iteration {self.iter + 1}')
