"""A hook that does to a training's own process what a scheduler, or bad luck, would do to it."""

import os
import signal
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from fdkd.engine.runner import Runner
from fdkd.errors import DataError
from fdkd.registry import HOOKS
from tests.support import motions


@HOOKS.register_module()
class Strike(Hook):
    """Strikes at moments that the environment names: ``STRIKE='RANK METHOD COUNT WHAT; ...'``.

    The first part is for a job that was just started, the next for one that torchrun started again. ``METHOD`` is one
    of this hook's, which strikes when it was called ``COUNT`` times before; what happens says :func:`strike`.
    """

    priority = 'VERY_HIGH'

    def __init__(self):
        parts = os.environ.get('STRIKE', '').split(';')
        attempt = int(os.environ.get('TORCHELASTIC_RESTART_COUNT', 0))
        part = parts[attempt].split(maxsplit=3) if attempt < len(parts) and parts[attempt] else None
        self.at = (part[1], int(part[2])) if part and int(part[0]) == get_rank() else None
        self.what, self.seen = part and part[3], {}

    def _pass(self, method):
        count = self.seen[method] = self.seen.get(method, -1) + 1
        if self.at == (method, count):
            strike(self.what)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self._pass('before_train_iter')

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self._pass('after_train_iter')

    def before_saving(self, runner):
        self._pass('before_saving')

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        self._pass('before_val_iter')

    def after_train(self, runner):
        self._pass('after_train')


def strike(what):
    """Raises an exception (``raise``, ``refuse``), leaves without a word (``exit``), or sends a signal to this process,
    or to its ``group`` or ``parent``."""
    if what == 'raise':
        raise ZeroDivisionError('trouble of its own')
    if what == 'refuse':
        raise DataError('0001.png: unreadable')
    if what == 'exit':
        os._exit(7)
    target, _, name = what.strip().rpartition(' ')
    number = getattr(signal, name)
    process = os.getppid() if target == 'parent' else os.getpid()
    os.killpg(0, number) if target == 'group' else os.kill(process, number)


#: To be added to a config of tests/support/motions.py.
CONFIG = """
custom_imports = dict(
    imports=['tests.robustness.bad.tiny', 'tests.support.signalling'], allow_failed_imports=False
)
custom_hooks = [dict(type='Strike')]
imu = dict(type='Classifier', dropout=0.3, backbone=dict(type='TinyNet', in_channels=1))
image = dict(type='Classifier', dropout=0.3, backbone=dict(type='TinyNet', in_channels=3))
train_cfg = dict(val_interval=1)
val_dataloader['batch_size'] = 1
"""


def write_striking(folder):
    """A student's config beside its teacher's ``imu.py``; an epoch has three iterations of four samples."""
    common = motions.CONFIG.format(
        configs=str(Path('configs').resolve()), root=str(motions.write_motions(folder / 'motions')), method='fdkd'
    )
    student, teacher = folder / 'image_from_imu.py', folder / 'imu.py'
    teacher.write_text(common + CONFIG + motions.ALONE)
    student.write_text(common + CONFIG + motions.TAUGHT.format(teacher=str(teacher)))
    return student


def same_weights(folder, other):
    """Whether two runs ended with the same student, bit for bit."""
    first, second = (torch.load(path / 'student.pth', weights_only=True)['state_dict'] for path in (folder, other))
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def spare_time(monkeypatch, report=None):
    """Leaves out of a training what takes most of the time of a tiny one; ``report(runner)`` comes at its end."""
    monkeypatch.setattr(Config, 'pretty_text', property(lambda cfg: repr(cfg.to_dict())))
    monkeypatch.setattr(Runner, '_log_env', lambda *_: None)

    def in_short(runner):
        if report:
            report(runner)
        return {}

    monkeypatch.setattr('fdkd.apis.train.report', in_short)
