"""Checkpoints of the runner: refused where they do not fit."""

import os

import pytest
import torch

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.engine.gradient_share import GradientShareHook
from fdkd.engine.runner import Runner, _lay_out_states, newest_checkpoint
from fdkd.errors import CheckpointError, ConfigError


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


def test_a_student_file_cannot_be_resumed(runner, tmp_path):
    state = {f'student.{name}': value for name, value in runner.algorithm.student.state_dict().items()}
    torch.save({'state_dict': state, 'meta': {}}, tmp_path / 'student.pth')
    with pytest.raises(CheckpointError, match='cannot be resumed, it holds no history, optimizer, param_schedulers'):
        runner.resume(tmp_path / 'student.pth')


def test_the_checkpoint_written_last_is_found_where_it_lies(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    for age, name in enumerate(('epoch_10.pth', 'iter_95.pth', 'epoch_9.pth')):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (100 - age, 100 - age))
    (tmp_path / 'epoch_11.pth.7.partial').touch()
    (tmp_path / 'student.pth').touch()
    assert newest_checkpoint(tmp_path) == tmp_path / 'epoch_10.pth'


def test_the_console_gets_short_records_and_the_log_file_all(runner, capsys):
    runner.logger.info('one line')
    runner.logger.info('\n'.join(['many lines'] * 9))
    printed = capsys.readouterr().out
    assert 'many lines' not in printed
    logged = next(handler.baseFilename for handler in runner.logger.handlers if hasattr(handler, 'baseFilename'))
    with open(logged) as file:
        assert file.read().count('many lines') == 9


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
