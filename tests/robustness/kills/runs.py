"""Tiny trainings in forked processes, which may be killed, and what they leave behind."""

import json
import os
import signal
import traceback
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from matplotlib.figure import Figure
from mmengine.config import Config

from fdkd.apis.options import RunOptions
from fdkd.apis.train import train
from fdkd.engine.runner import Runner
from fdkd.evaluation import confusion, samples
from tests.robustness.kills.moments import Moments
from tests.support.motions import ALONE, CONFIG, TAUGHT, write_motions

KEPT = 2
#: Over the configs of tests/support/motions.py: a network that takes no time, dropout, and random augmentation.
CHANGES = """
imu = dict(type='Classifier', dropout=0.3, backbone=dict(type='TinyNet', in_channels=1))
image = dict(type='Classifier', dropout=0.3, backbone=dict(type='TinyNet', in_channels=3))
augmented = [
    *pipeline[:2],
    dict(type='Augment', modality='image', transform='RandomCrop', size=(16, 16), padding=2),
    dict(type='Augment', modality='image', transform='RandomHorizontalFlip'),
    *pipeline[2:],
]
train_dataloader['dataset']['pipeline'] = augmented
train_cfg = dict(val_interval=1)
"""


@dataclass
class Plan:
    """A run of a config: its options, its work dir (relative, as are all others), and its processes."""

    config: Path
    options: RunOptions
    teacher: str | None = None
    ranks: int = 1
    work_dir: str = 'run'

    def start(self, folder, rank=0, **moments):
        """Starts a process of the run in ``folder``, which goes on with what is there."""
        process = get_context('fork').Process(target=self._run, args=(folder, rank, moments))
        process.start()
        return process

    def run(self, folder, **moments):
        """Runs it to its end, or to its death; returns whether that was a kill.

        Raises:
            AssertionError: If it ended in any other way, with its output.
        """
        processes = [self.start(folder, rank, **moments) for rank in range(self.ranks)]
        for process in processes:
            process.join(120)
        codes = {process.exitcode for process in processes}
        assert codes in ({0}, {-signal.SIGKILL}), f'{codes}\n{(folder / "output").read_text()[-4000:]}'
        return codes == {-signal.SIGKILL}

    def _run(self, folder, rank, moments):
        os.chdir(folder)
        log = os.open('output', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(log, stream)
        try:
            if self.ranks > 1:
                _join(folder, rank, self.ranks)
            _spare_time()
            Moments(**moments).watch()
            launcher = 'pytorch' if self.ranks > 1 else 'none'
            train(
                self.config, self.options, work_dir=self.work_dir, teacher=self.teacher, resume=True, launcher=launcher
            )
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)


def _spare_time():
    """Leaves out what takes most of the time of a tiny run and writes nothing that a resumed run reads."""
    Config.pretty_text = property(lambda cfg: repr(cfg.to_dict()))  # formatted it takes a second
    Runner._log_env = lambda *_: None
    confusion.confusion_figure = samples.samples_figure = lambda *_, **__: Figure((1, 1))


def _join(folder, rank, ranks):
    os.environ['LOCAL_RANK'] = str(rank)
    torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=ranks)


def killed_after(process, seconds):
    """Kills a process after so many seconds, unless it has ended; returns whether it was killed."""
    process.join(seconds)
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return process.exitcode == -signal.SIGKILL


def write_runs(folder):
    """Data and configs in ``folder``; returns the config of the student, whose teacher is trained first."""
    root = write_motions(folder / 'motions')
    common = CONFIG.format(configs=str(Path('configs').resolve()), root=str(root), method='fdkd') + CHANGES
    (folder / 'imu.py').write_text(common + ALONE)
    (folder / 'image_from_imu.py').write_text(common + TAUGHT.format(teacher=str(folder / 'imu.py')))
    return folder / 'image_from_imu.py'


def left_behind(folder, work_dir='run'):
    """What a finished run leaves, without times: weights, the newest full checkpoint, and the scores."""
    run = folder / work_dir
    newest = max([*run.glob('epoch_*.pth'), *run.glob('iter_*.pth')], key=lambda path: path.stat().st_mtime_ns)
    full = torch.load(newest)
    scalars = full['history']['scalars']
    kept = {name: entry for name, entry in scalars.items() if not name.endswith('time')}
    results = json.loads((run / 'results.json').read_text())
    return {
        'student': torch.load(run / 'student.pth'),
        'full': {**full, 'history': kept, 'name': newest.name},
        'scores': {name: results[name] for name in ('epoch', 'student', 'teacher') if name in results},
    }


def assert_same(one, other, where='what is left'):
    """Compares nested values bit by bit."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            assert_same(one[key], other[key], f'{where}: {key}')
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for place, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f'{where}: {place}')
    elif isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype, where
        assert torch.equal(one.nan_to_num(), other.nan_to_num()), where
    else:
        assert one == other, where


def assert_bounded(folder, work_dir='run', more=0):
    """Checks that no more full checkpoints lie in a work dir than are kept, and nothing that was begun."""
    run = folder / work_dir
    assert len([*run.glob('epoch_*.pth'), *run.glob('iter_*.pth')]) <= KEPT + more
    if not more:
        assert not list(run.glob('*.partial'))
