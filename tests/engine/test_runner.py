"""What the runner logs, and the layout and compilation of the networks that it trains."""

import pytest
import torch
from mmengine.config import Config
from yapf.yapflib import yapf_api

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.engine.gradient_share import GradientShareHook
from fdkd.engine.runner import Runner
from fdkd.errors import ConfigError


def tiny_config(root, work_dir):
    options = RunOptions(data_root=str(root), size=(32, 24), epochs=1, batch_size=2, pretrained='none', workers=0)
    cfg = load_config('configs/unimodal/nyu_depth.py', options)
    cfg.work_dir = str(work_dir)
    return cfg


@pytest.fixture(scope='module')
def runner(nyu_root, tmp_path_factory):
    return Runner.from_cfg(tiny_config(nyu_root, tmp_path_factory.mktemp('run')))


def test_the_console_gets_short_records_and_the_log_file_all(runner, capsys):
    runner.logger.info('one line')
    runner.logger.info('\n'.join(['many lines'] * 9))
    printed = capsys.readouterr().out
    assert 'many lines' not in printed
    logged = next(handler.baseFilename for handler in runner.logger.handlers if hasattr(handler, 'baseFilename'))
    with open(logged) as file:
        assert file.read().count('many lines') == 9


def test_runs_that_begin_in_one_second_log_apart(nyu_root, tmp_path, monkeypatch):
    monkeypatch.setattr('mmengine.runner.runner.time.time', lambda: 1e9)
    first, second = (Runner.from_cfg(tiny_config(nyu_root, tmp_path / name)) for name in ('first', 'second'))
    assert first.experiment_name != second.experiment_name
    assert first.message_hub is not second.message_hub
    assert (tmp_path / 'first' / first.timestamp).is_dir()
    assert (tmp_path / 'second' / second.timestamp / 'vis_data' / 'config.py').is_file()


def test_the_text_of_the_config_is_formatted_once_and_that_of_mmengine(nyu_root, tmp_path, monkeypatch):
    cfg, asked = tiny_config(nyu_root, tmp_path), []
    format_code = yapf_api.FormatCode

    def counted(text, **style):
        asked.append(text)
        return format_code(text, **style)

    monkeypatch.setattr(yapf_api, 'FormatCode', counted)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert len(asked) == 1
    text = Config(runner.cfg.to_dict()).pretty_text
    assert runner.cfg.pretty_text == text
    assert (tmp_path / 'nyu_depth.py').read_text() == text
    assert torch.load(tmp_path / 'student.pth')['meta']['cfg'] == text


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
