"""A training in small: an algorithm, its optimizer, and the hook that looks at it."""

from types import SimpleNamespace

import torch
from mmengine.config import Config
from mmengine.hooks import LoggerHook
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import nn

from fdkd.datasets.class_sample import ClassSample
from fdkd.engine.deferred import DeferredRuntimeInfo
from fdkd.engine.hooks import StopOnNonFiniteLoss


class Roots(BaseModel):
    """Its loss is the mean square root of ``weight * x``, which for x = 0 has an infinite gradient."""

    def __init__(self):
        super().__init__()
        self.layer, self.other = nn.Linear(1, 1, bias=False), nn.Linear(1, 1)
        self.register_buffer('seen', torch.zeros(1))
        nn.init.ones_(self.layer.weight)

    def forward(self, inputs, data_samples, mode):
        if mode != 'loss':
            return self.layer(inputs['a'])
        self.seen += 1
        roots = self.layer(inputs['a']).sqrt().mean()
        return {'loss_root': roots, 'loss_other': self.other(torch.rand(2, 1)).square().sum(), 'accuracy': roots}


class Training:
    """Steps as MMEngine's loop takes them, one epoch of ``length`` steps."""

    def __init__(
        self, folder, interval=4, wrapper=OptimWrapper, hook=True, cfg=None, length=100, counted=None, **options
    ):
        torch.manual_seed(0)
        self.model, hub = Roots(), MessageHub(f'training {id(self)}')
        self.wrapper = wrapper(torch.optim.SGD(self.model.parameters(), lr=0.01), **options)
        self.wrapper.message_hub = hub
        if counted:
            hub.log_scalars['train/skipped_steps'] = counted
        self.wrapper.initialize_count_status(nn.Identity(), 0, length)
        folder.mkdir(exist_ok=True)
        self.hooks = [DeferredRuntimeInfo(), LoggerHook(interval=interval), *([StopOnNonFiniteLoss()] if hook else [])]
        dataset = SimpleNamespace()
        self.runner = SimpleNamespace(
            model=self.model, algorithm=self.model, optim_wrapper=self.wrapper, message_hub=hub, hooks=self.hooks,
            iter=0, epoch=0, max_epochs=1, max_iters=length, work_dir=str(folder), seed=3, timestamp='now',
            train_dataloader=SimpleNamespace(dataset=dataset),
            cfg=Config({'model': {'type': 'Roots'}, 'config_hash': 'abc', **(cfg or {})}),
        )  # fmt: skip
        self.call('before_train')

    def call(self, moment, *args):
        for hook in self.hooks:
            if not isinstance(hook, LoggerHook) and hasattr(hook, moment):
                getattr(hook, moment)(self.runner, *args)

    def step(self, *values):
        """A step on one sample for each value, named ``ITERATION`` and a letter."""
        iteration = self.runner.iter
        samples = [
            ClassSample(metainfo={'sample_id': f'{iteration}{letter}', 'index': place}, gt_label=torch.tensor(place))
            for place, letter in zip(range(len(values)), 'abcdef', strict=False)
        ]
        batch = {'inputs': {'a': torch.tensor(values, dtype=torch.float32)[:, None]}, 'data_samples': samples}
        outputs = self.model.train_step(batch, self.wrapper)
        self.call('after_train_iter', iteration, batch, outputs)
        self.runner.iter += 1
