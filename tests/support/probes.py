"""A module outside the package, as a user would write it: a loss of one's own and hooks that watch a training."""

import json
import os
from pathlib import Path

import torch
from mmengine.dist import all_gather_object, get_rank
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from fdkd.registry import DISTILL_LOSSES, HOOKS
from tests.support.waits import Waits


@DISTILL_LOSSES.register_module()
class AbsoluteDifference(nn.Module):
    """The mean absolute difference of two taps, times ``factor``."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def forward(self, student, teacher, target=None):
        return {'loss_abs': self.factor * (student - teacher).abs().mean()}


@HOOKS.register_module()
class FreezeBatchNorm(Hook):
    """Keeps every batch norm on its stored statistics."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


@HOOKS.register_module()
class Watch(Hook):
    """Appends what each iteration saw to ``path.RANK``; ends training after ``STOP_AT`` iterations."""

    priority = 'LOWEST'

    def __init__(self, path):
        self.path, self.stop_at = f'{path}.{get_rank()}', int(os.environ.get('STOP_AT', 0))

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        seen = {
            'iter': runner.iter,
            'ids': [sample.metainfo['sample_id'] for sample in data_batch['data_samples']],
            'sums': [float(x.double().sum()) for xs in data_batch['inputs'].values() for x in xs],
            'losses': {name: float(value) for name, value in outputs.items()},
        }
        with Path(self.path).open('a') as file:
            file.write(json.dumps(seen) + '\n')
        if runner.iter + 1 == self.stop_at:
            raise KeyboardInterrupt


@HOOKS.register_module()
class SameOnEveryRank(Hook):
    """Fails if the ranks' models differ after training."""

    def after_train(self, runner):
        first, *others = all_gather_object([float(p.double().sum()) for p in runner.model.parameters()])
        assert others
        assert all(other == first for other in others)


@HOOKS.register_module()
class Poison(Hook):
    """Makes the student's classifier NaN before iteration ``at``."""

    def __init__(self, at):
        self.at = at

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.at:
            with torch.no_grad():
                runner.algorithm.student.decode_head.conv_seg.bias.fill_(float('nan'))


@HOOKS.register_module()
class WatchWaits(Hook):
    """Appends to ``path``, for each iteration with all its hooks, what would make the host wait for a GPU."""

    priority = 'LOWEST'

    def __init__(self, path):
        self.path = Path(path)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self._waits = Waits().__enter__()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self._waits.__exit__(None, None, None)
        with self.path.open('a') as file:
            file.write(json.dumps(self._waits.names) + '\n')


def read_watch(path, rank=0):
    """What :class:`Watch` wrote, a list of one dictionary an iteration."""
    return [json.loads(line) for line in Path(f'{path}.{rank}').read_text().splitlines()]


def pythonpath():
    """The environment of a subprocess that has to import this module."""
    here = Path(__file__).resolve().parents[2]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join([str(here), os.environ.get('PYTHONPATH', '')])}
