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

    def run(self) -> nn.Module:
        """Trains to the end. The last epoch is not validated here: the report evaluates it."""
        self.runner.call_hook('before_train')
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            due = self._epoch >= self.val_begin and self._epoch % self.val_interval == 0
            if self.runner.val_loop is not None and due and self._epoch < self._max_epochs:
                self.runner.val_loop.run()
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """Trains on the rest of the current epoch."""
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
