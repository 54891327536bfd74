"""What a save of a run writes: all that resuming takes, and each model that training leaves behind, alone."""

import os
from pathlib import Path
from typing import Any

import mmengine
from mmengine.dist import all_gather_object, is_main_process
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner as MMEngineRunner
from torch import Tensor, nn

from fdkd.checkpoint import write_checkpoint
from fdkd.engine.data_watch import skipped
from fdkd.engine.history import pack_history
from fdkd.engine.randomness import random_state
from fdkd.engine.rank_state import gather_rank_states, own_buffers, put_buffers

STUDENT_FILE = 'student.pth'


class SavingRunner(MMEngineRunner):
    """MMEngine's runner with saves of its own.

    - Every save also writes ``student.pth`` with the student alone, loadable with ``torch.load(weights_only=True)``:
      ``state_dict`` of the bare network and ``meta`` (modality, classes, palette, epoch, config hash and text). Where
      the teacher trains as well, ``teacher.pth`` likewise.
    - Files are written beside their place and renamed. ``student.pth`` comes first, so that it is never older than what
      a run resumes.
    - The generators' states of every rank are saved, and in the middle of a step that takes several batches, their
      gradients.
    - Before a save every rank calls ``before_saving(runner)`` of the hooks that have it.
    """

    #: Of the runs that have begun in this work dir; see :func:`~fdkd.engine.checkpoints.run_number_of_new`.
    run_number: int = 0

    @property
    def algorithm(self) -> nn.Module:
        """The algorithm, without DDP's wrapper."""
        return self.model.module if is_model_wrapper(self.model) else self.model

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
                'run': self.run_number,
                'seed': self.seed,
                'config_hash': self.cfg.get('config_hash'),
                'cfg': self.cfg.pretty_text,
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
                'skipped': (skipped(self) or {}).get('number', 0),
                'palette': [list(colour) for colour in self.train_dataloader.dataset.metainfo.get('palette', [])],
                'seed': self.seed,
                'config_hash': self.cfg.get('config_hash'),
                'cfg': self.cfg.pretty_text,
            }
            alone = {key.removeprefix(f'{name}.'): x for key, x in weights.items() if key.startswith(f'{name}.')}
            write_checkpoint({'meta': meta, 'state_dict': alone}, folder / f'{name}.pth')

    @property
    def _classes(self) -> list[str]:
        return list(self.train_dataloader.dataset.metainfo['classes'])


def _on_cpu(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights as any model holds them, whatever the memory format of this run."""
    return {name: x.cpu().contiguous() for name, x in weights.items()}
