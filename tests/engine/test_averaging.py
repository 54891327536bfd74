"""A moving average of the weights: in checkpoints, in student.pth, in the model that is reported, and resumed."""

import shutil

import pytest
import torch
from mmengine.hooks import Hook

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.engine.averaging import EMAHook
from fdkd.engine.runner import Runner
from fdkd.errors import CheckpointError, ConfigError
from tests.robustness.bad import tiny  # noqa: F401  (registers TinyNet)
from tests.robustness.kills.runs import write_runs

MOMENTUM = 0.25


class Watch(Hook):
    """Keeps the trained weights after each step, and those that are validated."""

    priority = 'LOWEST'

    def __init__(self):
        self.trained, self.validated = [], []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.trained.append(runner.algorithm.student.head.weight.detach().clone())

    def before_val_epoch(self, runner):
        self.validated.append(runner.algorithm.student.head.weight.detach().clone())


def run(config, folder, resume=False, **ema):
    options = RunOptions(
        epochs=2, batch_size=4, workers=0,
        cfg_options={'custom_hooks': [dict(type='EMAHook', momentum=MOMENTUM, **ema)]},
    )  # fmt: skip
    cfg = load_config(config.with_name('imu.py'), options)
    cfg.work_dir, cfg.resume, cfg.experiment_name = str(folder), resume, f'{folder.name}-{resume}'
    runner, watch = Runner.from_cfg(cfg), Watch()
    runner.register_hook(watch)
    runner.train()
    return runner, watch


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    return write_runs(tmp_path_factory.mktemp('averaging'))


@pytest.fixture(scope='module')
def whole(config):
    return (*run(config, config.with_name('whole')), config.with_name('whole'))


def averages(trained):
    means = [trained[0]]
    for weight in trained[1:]:
        means.append((1 - MOMENTUM) * means[-1] + MOMENTUM * weight)
    return means


def test_all_that_a_run_shows_is_the_average(whole):
    runner, watch, folder = whole
    means = averages(watch.trained)
    torch.testing.assert_close(watch.validated, [means[2]])  # after three batches of the first epoch
    student = torch.load(folder / 'student.pth')['state_dict']
    full = torch.load(folder / 'epoch_2.pth')
    torch.testing.assert_close(student['head.weight'], means[-1])
    assert not student['head.weight'].equal(watch.trained[-1])
    assert full['state_dict']['student.head.weight'].equal(student['head.weight'])
    assert full['ema_state_dict']['module.student.head.weight'].equal(watch.trained[-1])
    for name, value in runner.algorithm.student.state_dict().items():
        assert value.equal(student[name]), name


def test_a_resumed_run_goes_on_with_both(config, whole, tmp_path):
    _, watch, folder = whole
    shutil.copy(folder / 'epoch_1.pth', tmp_path)
    _, resumed = run(config, tmp_path, resume=True)
    assert torch.stack(resumed.trained).equal(torch.stack(watch.trained[3:]))
    for name in ('state_dict', 'ema_state_dict'):
        one, other = (torch.load(place / 'epoch_2.pth')[name] for place in (folder, tmp_path))
        assert all(one[key].equal(other[key]) for key in one)


def test_a_run_that_a_caller_resumes_goes_on_with_both(config, whole, tmp_path, monkeypatch):
    _, watch, folder = whole
    monkeypatch.setattr(Runner, 'load_or_resume', lambda self: self.resume(folder / 'epoch_1.pth'))
    _, resumed = run(config, tmp_path)
    assert torch.stack(resumed.trained).equal(torch.stack(watch.trained[3:]))


def test_an_average_of_another_network_is_told_as_any(config, whole, tmp_path):
    checkpoint = torch.load(whole[2] / 'epoch_1.pth')
    for weights, name in ((checkpoint['state_dict'], ''), (checkpoint['ema_state_dict'], 'module.')):
        weights[f'{name}student.head.weight'] = torch.zeros(7, 7)
    torch.save(checkpoint, tmp_path / 'epoch_1.pth')
    message = r'epoch_1.pth: does not fit SingleModality .*: student.head.weight has the shape \(7, 7\), expected'
    with pytest.raises(CheckpointError, match=message):
        run(config, tmp_path, resume=True)


def test_a_finished_run_is_reported_by_its_average_again(config, whole):
    runner, _, folder = whole
    again, watch = run(config, folder, resume=True)
    assert not watch.trained
    assert again.algorithm.student.head.weight.equal(runner.algorithm.student.head.weight)
    student = torch.load(folder / 'student.pth')['state_dict']
    assert student['head.weight'].equal(runner.algorithm.student.head.weight)


def test_averaged_statistics_of_several_processes_are_refused(monkeypatch):
    monkeypatch.setattr('fdkd.engine.averaging.get_world_size', lambda: 2)
    with pytest.raises(ConfigError, match='EMAHook: update_buffers=True averages the batch statistics of each process'):
        EMAHook(update_buffers=True).before_run(None)
