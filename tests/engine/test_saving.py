"""What a save writes beside what a resumed run reads."""

import pytest
import torch

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.engine.runner import Runner
from fdkd.engine.saving import STUDENT_FILE
from tests.robustness.bad import tiny  # noqa: F401  (registers TinyNet)
from tests.robustness.kills.runs import write_runs


@pytest.fixture(scope='module')
def runner(tmp_path_factory):
    """A runner after one epoch, which is all that it trains."""
    cfg = load_config(write_runs(tmp_path_factory.mktemp('saving')).with_name('imu.py'), RunOptions(epochs=1))
    cfg.work_dir = str(tmp_path_factory.mktemp('run'))
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def test_the_student_stands_alone_beside_everything(runner, tmp_path):
    runner.save_checkpoint(tmp_path / 'new', 'epoch_1.pth')
    assert {path.name for path in (tmp_path / 'new').iterdir()} == {STUDENT_FILE, 'epoch_1.pth'}
    alone = torch.load(tmp_path / 'new' / STUDENT_FILE, weights_only=True)
    runner.algorithm.student.load_state_dict(alone['state_dict'])
    whole = torch.load(tmp_path / 'new' / 'epoch_1.pth', weights_only=True)
    assert all(whole['state_dict'][f'student.{name}'].equal(x) for name, x in alone['state_dict'].items())
    assert alone['meta'] | {'finished': True, 'skipped': 0, 'modality': 'imu', 'epoch': 1} == alone['meta']
    assert whole['meta'] | {'run': 0, 'epoch': 1, 'iter': runner.iter, 'seed': runner.seed} == whole['meta']
    assert len(whole['meta']['random_states']) == 1
    assert 'ranks' not in whole  # one process, at the end of a step


def test_what_is_not_asked_for_is_not_written(runner, tmp_path):
    runner.save_checkpoint(tmp_path, 'epoch_1.pth', save_optimizer=False, save_param_scheduler=False)
    whole = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)
    assert set(whole) == {'meta', 'state_dict', 'history'}
