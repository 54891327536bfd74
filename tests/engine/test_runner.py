"""Checkpoints of the runner: refused where they do not fit."""

import os
import shutil

import pytest
import torch
from mmengine.optim import AmpOptimWrapper

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.engine.gradient_share import GradientShareHook
from fdkd.engine.runner import Runner, _lay_out_states
from fdkd.errors import CheckpointError, ConfigError
from tests.robustness.bad import tiny  # noqa: F401  (registers TinyNet)
from tests.robustness.kills.runs import write_runs


def tiny_config(root, work_dir):
    options = RunOptions(data_root=str(root), size=(32, 24), epochs=1, batch_size=2, pretrained='none', workers=0)
    cfg = load_config('configs/unimodal/nyu_depth.py', options)
    cfg.work_dir = str(work_dir)
    return cfg


@pytest.fixture(scope='module')
def runner(nyu_root, tmp_path_factory):
    return Runner.from_cfg(tiny_config(nyu_root, tmp_path_factory.mktemp('run')))


def test_a_student_file_loads_into_the_student(runner, tmp_path):
    weights = {name: torch.zeros_like(value) for name, value in runner.algorithm.student.state_dict().items()}
    torch.save({'state_dict': weights}, tmp_path / 'student.pth')
    runner.load_checkpoint(tmp_path / 'student.pth')
    assert all(not value.any() for value in runner.algorithm.student.state_dict().values())


def test_weights_that_do_not_fit_are_refused(runner, tmp_path):
    torch.save({'state_dict': {'student.a': torch.ones(1)}}, tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match=r'other.pth: does not fit SingleModality .* is missing'):
        runner.load_checkpoint(tmp_path / 'other.pth')


@pytest.mark.parametrize('weights', [['a'], {1: torch.zeros(1)}])
def test_weights_have_names(runner, tmp_path, weights):
    torch.save({'state_dict': weights}, tmp_path / 'odd.pth')
    with pytest.raises(CheckpointError, match=r'odd\.pth: holds no weights by name'):
        runner.load_checkpoint(tmp_path / 'odd.pth')


def test_a_student_file_cannot_be_resumed(runner, tmp_path):
    state = {f'student.{name}': value for name, value in runner.algorithm.student.state_dict().items()}
    torch.save({'state_dict': state, 'meta': {}}, tmp_path / 'student.pth')
    with pytest.raises(CheckpointError, match='cannot be resumed, it holds no history, optimizer, param_schedulers'):
        runner.resume(tmp_path / 'student.pth')


def test_the_console_gets_short_records_and_the_log_file_all(runner, capsys):
    runner.logger.info('one line')
    runner.logger.info('\n'.join(['many lines'] * 9))
    printed = capsys.readouterr().out
    assert 'many lines' not in printed
    logged = next(handler.baseFilename for handler in runner.logger.handlers if hasattr(handler, 'baseFilename'))
    with open(logged) as file:
        assert file.read().count('many lines') == 9


@pytest.fixture(scope='module')
def tiny_run(tmp_path_factory):
    """Config of a classifier that trains in no time."""
    return write_runs(tmp_path_factory.mktemp('tiny')).with_name('imu.py')


@pytest.fixture(scope='module')
def trained(tiny_run):
    """The work dir of a run of two epochs."""
    train_in(tiny_run, tiny_run.with_name('run'))
    return tiny_run.with_name('run')


def runner_in(config, folder, **settings):
    cfg = load_config(config, RunOptions(epochs=2))
    cfg.work_dir, cfg.experiment_name = str(folder), f'{folder.parent.name}-{len(list(folder.glob("*")))}'
    cfg.merge_from_dict(settings)
    return Runner.from_cfg(cfg)


def train_in(config, folder, **settings):
    runner = runner_in(config, folder, **settings)
    runner.train()
    return runner


def same_student(one, other):
    one, other = (torch.load(folder / 'student.pth')['state_dict'] for folder in (one, other))
    return all(one[name].equal(other[name]) for name in one)


def damage(path):
    times = path.stat()
    os.truncate(path, path.stat().st_size - 100)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def logged(folder):
    return ''.join(path.read_text() for path in folder.glob('*/*.log'))


def test_where_the_newest_checkpoint_is_damaged_the_one_before_is_resumed(tiny_run, trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / 'run')
    damage(folder / 'epoch_2.pth')
    runner = train_in(tiny_run, folder, resume=True)
    assert runner.resumed_from == folder / 'epoch_1.pth'
    assert runner.damaged == (folder / 'epoch_2.pth',)
    assert same_student(folder, trained)
    warnings = [line for line in logged(folder).splitlines() if 'WARNING' in line and 'damaged' in line]
    assert len(warnings) == 1
    assert 'epoch_2.pth: not a checkpoint, or a damaged one (' in warnings[0]
    assert f'Resuming {folder}/epoch_1.pth instead' in warnings[0]
    assert torch.load(folder / 'epoch_2.pth')['meta']['epoch'] == 2


def test_what_torch_refuses_is_told_in_one_line_but_for_lack_of_memory(runner, tmp_path, monkeypatch):
    def refuse(self, path, checkpoint):
        raise errors.pop()

    errors = [torch.OutOfMemoryError('no memory'), RuntimeError('RNG state is wrong size')]
    monkeypatch.setattr(Runner, '_restore', refuse)
    with pytest.raises(CheckpointError, match=r'a.pth: cannot be resumed, .* \(RuntimeError: RNG state is wrong'):
        runner._continue(tmp_path / 'a.pth', {})
    with pytest.raises(torch.OutOfMemoryError):
        runner._continue(tmp_path / 'a.pth', {})


def test_a_run_that_starts_anew_where_another_was_warns(tiny_run, trained, tmp_path):
    folder = tmp_path / 'run'
    folder.mkdir()
    shutil.copy(trained / 'epoch_1.pth', folder)
    runner = train_in(tiny_run, folder)
    assert runner.resumed_from is None
    [warning] = [line for line in logged(folder).splitlines() if 'earlier run' in line]
    assert 'WARNING' in warning
    assert f'{folder}: holds checkpoints of an earlier run, which this one replaces: until this' in warning
    assert 'earlier run' not in logged(trained)


def test_a_damaged_student_of_a_finished_run_is_written_again(tiny_run, trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / 'run')
    damage(folder / 'student.pth')
    train_in(tiny_run, folder, resume=True)
    assert same_student(folder, trained)
    assert torch.load(folder / 'student.pth')['meta']['finished']


def test_weights_to_start_from_are_never_replaced_by_others(tiny_run, trained, tmp_path):
    shutil.copy(trained / 'student.pth', tmp_path / 'start.pth')
    runner = train_in(tiny_run, tmp_path / 'run', resume=True, load_from=str(tmp_path / 'start.pth'))
    assert runner.resumed_from is None  # there was nothing to resume yet
    assert f'loaded {tmp_path}/start.pth' in logged(tmp_path / 'run')
    damage(tmp_path / 'start.pth')
    with pytest.raises(CheckpointError, match=r'start.pth: not a checkpoint, or a damaged one'):
        train_in(tiny_run, tmp_path / 'other', resume=True, load_from=str(tmp_path / 'start.pth'))
    resumed = train_in(tiny_run, tmp_path / 'run', resume=True, load_from=str(tmp_path / 'start.pth'))
    assert resumed.resumed_from == tmp_path / 'run' / 'epoch_2.pth'


def test_the_state_of_the_loss_scaler_comes_back(tiny_run, tmp_path, monkeypatch):
    """On a GPU that of AmpOptimWrapper, which refuses a CPU: here it holds torch's scaler for one."""
    monkeypatch.setattr('mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available', lambda: True)

    def scaled(folder):
        runner = runner_in(tiny_run, folder)
        optimizer = torch.optim.SGD(runner.algorithm.parameters(), lr=0.1)
        runner._train_loop = runner.build_train_loop(runner._train_loop)
        runner.optim_wrapper, runner.param_schedulers = AmpOptimWrapper(optimizer=optimizer), []
        runner.optim_wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=64.0, growth_interval=2)
        return runner

    one, other = scaled(tmp_path / 'one'), scaled(tmp_path / 'other')
    for loss in (1.0, 1.0, float('inf'), 1.0):  # grows to 128, is halved, and has one good step since
        one.optim_wrapper.update_params(loss * one.algorithm.student.head.weight.sum())
    one.save_checkpoint(str(tmp_path), 'epoch_1.pth')
    other.resume(tmp_path / 'epoch_1.pth')
    found = other.optim_wrapper.loss_scaler.state_dict()
    assert found == one.optim_wrapper.loss_scaler.state_dict()
    assert (found['scale'], found['_growth_tracker']) == (64.0, 1)


def test_layout_and_compilation_are_those_of_the_training_alone(nyu_root, tmp_path, monkeypatch, runner):
    asked, undone = [], []

    def compile_networks(algorithm, options):
        asked.append((algorithm, options))
        return lambda: undone.append(algorithm)

    monkeypatch.setattr('fdkd.engine.runner.compile_networks', compile_networks)
    cfg = tiny_config(nyu_root, tmp_path)
    cfg.channels_last, cfg.compile = True, {'mode': 'reduce-overhead'}
    plain, runner = runner, Runner.from_cfg(cfg)
    for one in (plain, runner):
        torch.manual_seed(0)
        one._init_model_weights()
    drawn, expected = (list(one.algorithm.student.backbone.parameters()) for one in (runner, plain))
    assert all(torch.equal(*both) for both in zip(drawn, expected, strict=True))
    weight = runner.algorithm.student.backbone.layer1[0].conv1.weight
    assert runner.algorithm.data_preprocessor.memory_format is torch.channels_last
    runner.train()
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert asked == [(runner.algorithm, {'mode': 'reduce-overhead'})]
    assert undone == [runner.algorithm]
    for name in ('student', 'epoch_1'):
        saved = torch.load(tmp_path / f'{name}.pth', weights_only=True)['state_dict']
        assert all(value.is_contiguous() for value in saved.values())


def test_what_reaches_into_compiled_networks_is_refused(runner, monkeypatch):
    monkeypatch.setattr(Runner, 'hooks', [GradientShareHook()])
    monkeypatch.setattr(runner, 'cfg', {'compile': True})
    with pytest.raises(ConfigError, match='compile: GradientShareHook reaches into networks'):
        runner._maybe_compile('train_step')


def test_what_an_optimizer_keeps_takes_the_order_of_its_parameter():
    """A fused kernel walks through both as they lie in memory."""
    values, momentum, gradient = torch.randn(3, 2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    expected, parameter = values - 0.1 * (0.9 * momentum + gradient), values.clone(memory_format=torch.channels_last)
    parameter.requires_grad_().grad = gradient.clone(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9, fused=True)
    saved = torch.optim.SGD([values.clone().requires_grad_()], lr=0.1, momentum=0.9, fused=True).state_dict()
    optimizer.load_state_dict(saved | {'state': {0: {'momentum_buffer': momentum.clone()}}})
    _lay_out_states(optimizer)
    optimizer.step()
    torch.testing.assert_close(parameter.detach(), expected)
