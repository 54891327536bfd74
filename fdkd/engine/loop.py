"""The training loop, able to start in the middle of an epoch."""

import torch
from mmengine.runner import EpochBasedTrainLoop
from torch import nn

from fdkd.errors import ConfigError
from fdkd.registry import LOOPS


@LOOPS.register_module()
class EpochLoop(EpochBasedTrainLoop):
    """MMEngine's loop over epochs, which continues a resumed run at the very batch where it stopped.

    Args: as MMEngine's ``EpochBasedTrainLoop``.

    Attributes:
        validated: The epoch whose validation is known to a resumed run, counted from 1. Any other that is due after the
            last epoch that was trained is made up for: it may lack, and it draws a random number in every run.

    Raises:
        ConfigError: If an epoch has no batch.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not len(self.dataloader):
            raise ConfigError(
                f'{len(self.dataloader.dataset)} training samples do not fill one batch of '
                f'{self.dataloader.batch_size} per process: lower train_dataloader.batch_size'
            )

        # Each new iterator draws a seed for its workers. From the global generator, that would shift the dropout of a
        # run resumed within an epoch; augmentation has seeds of its own, so what is drawn does not matter.
        self.dataloader.generator = torch.Generator()
        self.validated = 0
        self._between_epochs = True

    def run(self) -> nn.Module:
        """Trains to the end. The last epoch is not validated here: the report evaluates it."""
        self.runner.call_hook('before_train')
        if self._epoch > 0 and self._iter == self._epoch * len(self.dataloader) and self._epoch != self.validated:
            self._validate()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._validate()
        self.runner.call_hook('after_train')
        return self.runner.model

    def _validate(self) -> None:
        """Validates the epoch that has ended, where that is due."""
        due = self._epoch >= self.val_begin and self._epoch % self.val_interval == 0
        if self.runner.val_loop is not None and due and self._epoch < self._max_epochs:
            self.runner.val_loop.run()

    def position(self, by_epoch: bool) -> dict[str, int]:
        """What a checkpoint that a hook saves now says of where it belongs: the counts of ``epoch`` and ``iter``.

        Args:
            by_epoch: In an epoch, whether the hook is called at its end, before the loop counts it; else it is called
                at the end of an iteration, before the loop counts that.
        """
        ended = not self._between_epochs
        return {
            'epoch': self._epoch + int(ended and by_epoch),
            'iter': self._iter + int(ended and not by_epoch),
            'validated': self.validated,
        }

    def run_epoch(self) -> None:
        """Trains on the rest of the current epoch."""
        self._between_epochs = False
        done = self._iter - self._epoch * len(self.dataloader)
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        self.runner.algorithm.start_epoch(self._epoch)
        # Gradients accumulate within an epoch alone: its last step takes what is left, so a checkpoint written at its
        # end lacks none. (The model is asked for batch norms, of which MMEngine has warned when training started.)
        self.runner.optim_wrapper.initialize_count_status(nn.Identity(), done, len(self.dataloader))
        if done:
            self.dataloader.sampler.skip(done * self.dataloader.batch_size)
        for index, data_batch in enumerate(self.dataloader, start=done):
            self.run_iter(index, data_batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
        self._between_epochs = True
