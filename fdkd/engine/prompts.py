"""The stage before training in which losses with prompts (FreeKD) learn them."""

import torch
from mmengine.dist import all_reduce, broadcast
from mmengine.hooks import Hook
from mmengine.runner import Runner

from fdkd.algorithms.prompts import PromptLoss
from fdkd.engine.console import bar_over
from fdkd.engine.randomness import random_state, restore_random_state
from fdkd.errors import NonFiniteLossError
from fdkd.registry import HOOKS


@HOOKS.register_module()
class LearnPrompts(Hook):
    """Learns the prompts of every loss that has some, on the training data, before a training starts.

    Learnt is by the frozen teacher's own task loss and the losses' dissimilarity, see
    :class:`~fdkd.algorithms.prompts.PromptLoss`. FreeKD's public code lacks this stage. The optimizer is that of MasKD
    (Huang et al., ICLR 2023), the masks of which FreeKD's code carries over to wavelets, in its detection configs: Adam
    with a learning rate that falls along a cosine to 1e-6. They take 2000 iterations; the length in epochs is our
    choice. Gradients are averaged over the processes, where a batch without a pair counts as a gradient of 0.

    The prompts are the losses' buffers, come back with a checkpoint, and are not learnt anew by a run that continues
    one. The random state of the training after it is as without it.

    Args:
        epochs: Passes over the training data, with the augmentation of the training's first epochs.
        lr: Learning rate at the start.
        weight_decay: Weight decay.
    """

    def __init__(self, epochs: int = 1, lr: float = 0.01, weight_decay: float = 0.001) -> None:
        self.epochs, self.lr, self.weight_decay = epochs, lr, weight_decay

    def before_train(self, runner: Runner) -> None:
        """Learns the prompts, unless the run continues.

        Raises:
            NonFiniteLossError: If prompts are not finite afterwards.
            ConfigError: If a loss cannot learn prompts at its tap.
        """
        loss = PromptLoss(runner.algorithm)
        if not loss.losses or runner.iter > 0 or not self.epochs:
            return
        state = random_state()
        for prompts in loss.prompts:
            broadcast(prompts)
            prompts.requires_grad_(True)
        try:
            self._learn(runner, loss)
        finally:
            for prompts in loss.prompts:
                prompts.requires_grad_(False).grad = None
            restore_random_state(state)
        if not all(prompts.isfinite().all() for prompts in loss.prompts):
            raise NonFiniteLossError(
                f'the prompts of {", ".join(loss.losses)} are not finite after {self.epochs} epochs: '
                f'lower lr={self.lr} of LearnPrompts'
            )

    def _learn(self, runner: Runner, loss: PromptLoss) -> None:
        loader, preprocess = runner.train_dataloader, runner.algorithm.data_preprocessor
        optimizer = torch.optim.Adam(loss.prompts, self.lr, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.epochs * len(loader), eta_min=1e-6)
        for epoch in range(self.epochs):
            if hasattr(loader.sampler, 'set_epoch'):
                loader.sampler.set_epoch(epoch)
            total = 0.0
            title = f'prompts, epoch {epoch + 1} of {self.epochs}'
            for batch in bar_over(loader, title):
                optimizer.zero_grad()
                value = loss(**preprocess(batch, True))
                value.backward()
                for prompts in loss.prompts:
                    all_reduce(prompts.grad, 'mean')
                optimizer.step()
                schedule.step()
                total = total + value.detach()
            runner.logger.info(f'{title}: loss {float(total) / len(loader):.4f}')
