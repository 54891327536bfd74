"""``tools/benchmark/memory.py`` at its smallest: what counts as a feature, the verdicts, the tables, the JSON."""

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from mmengine.config import ConfigDict

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions

CONFIG = 'configs/demo/digits_image_from_audio.py'
SHAPES = {'logits': (6, 5), 'feat': (6, 2048), 'map': (6, 8, 4, 4), 'stages': [(6, 4, 9, 9), (6, 8, 5, 5)]}


@pytest.fixture(scope='module')
def tool():
    """The script as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / 'tools/benchmark')
        yield import_module('memory')


def test_a_feature_is_a_tensor_or_a_list_of_them(tool):
    x, y = torch.zeros(3, 5), torch.zeros(7, dtype=torch.float16)
    assert tool.feature_bytes([x]) == 60
    assert tool.feature_bytes([[x, y], y]) == 60 + 14 + 14
    assert tool.feature_bytes({'a': x, 'b': [y]}.values()) == 74


def test_loss_of_known_size(tool, monkeypatch):
    def ours(student, teacher, target):
        return (student * teacher).sum()  # the product, let go before the gradient is made

    def other(student, teacher, target):
        return student.exp().sum()  # the exponential, kept beside the gradient

    monkeypatch.setitem(tool.METHODS, 'FDKD', ('feat', lambda _: (ours, other)))
    found = tool.measure_loss('FDKD', 'small', SHAPES)
    one = 6 * 2048 * 4
    assert found['feature_bytes'] == one
    assert found['kept_bytes'] == {'ours': 0, 'plain': one}
    assert found['peak_bytes']['ours'] == pytest.approx(one, abs=64)  # and the scalars
    assert found['peak_bytes']['plain'] == pytest.approx(2 * one, abs=64)
    assert found['verdict'] == 'met'


def test_only_fdkd_is_judged(tool):
    assert tool.measure_loss('PKD', 'small', SHAPES)['verdict'] == ''
    assert tool.measure_loss('FDKD', 'small', SHAPES)['verdict'] in ('met', 'missed')
    stages = tool.measure_loss('OFD', 'small', SHAPES)
    assert stages['feature_bytes'] == 4 * 6 * (4 * 81 + 8 * 25)


@pytest.mark.parametrize(('multiples', 'expected'), [(3.9, 'met'), (4.0, 'met'), (4.01, 'missed')])
def test_verdict(tool, multiples, expected):
    assert tool.verdict(multiples) == expected


def test_fdkd_alone_is_judged_in_a_step(tool):
    def config(*types):
        return ConfigDict(model=dict(losses={str(place): dict(type=name) for place, name in enumerate(types)}))

    assert tool.uses_fdkd(config('FDKDLoss'))
    assert not tool.uses_fdkd(config('FDKDLoss', 'PKDLoss'))
    assert not tool.uses_fdkd(config('PKDLoss'))


def test_steps_at_the_smallest_size(tool):
    cfg = tool.tasks.distillation_config(CONFIG, RunOptions(pretrained='none'))
    import_module('plain_training').use_tiny_backbones(cfg)
    found = tool.measure_steps(cfg, (32, 32), 3)
    peaks = found['peak_bytes']
    assert list(peaks) == ['student', 'teacher_to_tap', 'no_losses', 'distillation', 'cached']  # no loss on maps
    assert found['feature_bytes'] == 3 * 8 * 4  # the tiny network's eight channels
    assert 0 < peaks['teacher_to_tap'] < peaks['student'] <= peaks['no_losses'] <= peaks['distillation']
    assert found['extra_bytes'] == {'distillation': peaks['distillation'] - peaks['no_losses']}
    assert found['verdict'] in ('met', 'missed')


def test_steps_count_after_what_a_first_step_leaves(tool, monkeypatch):
    calls = []
    monkeypatch.setattr(tool, 'build_steps', lambda *_: ({name: lambda n=name: calls.append(n) for name in PEAKS}, 100))
    monkeypatch.setattr(tool.benchmark, 'peak_memory', lambda task: (task(), PEAKS[calls[-1]])[1])
    cfg = ConfigDict(model=dict(losses=dict(fdkd=dict(type='FDKDLoss'))))
    found = tool.measure_steps(cfg, (8, 6), 2)
    assert calls == [name for name in PEAKS for _ in range(3)]
    assert found['extra_bytes'] == {'distillation': 500, 'plain': 900}
    assert found['verdict'] == 'missed'


PEAKS = {'student': 1000, 'no_losses': 1100, 'distillation': 1600, 'plain': 2000}


def cells(text):
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in text.splitlines() if line.count('|') > 2]


def test_tables_show_the_figures(tool):
    mib = 2**20
    loss = {
        'method': 'FDKD', 'tensors': 'feat 4x512', 'feature_bytes': mib, 'verdict': 'missed',
        'kept_bytes': {'ours': 2 * mib, 'plain': 8 * mib}, 'peak_bytes': {'ours': 5 * mib, 'plain': 14 * mib},
    }  # fmt: skip
    head, row = cells(tool.loss_table({'device': 'cpu', 'losses': [loss]}))
    assert head[-1] == 'goal <= 4'
    assert row == ['FDKD', 'feat 4x512', '1.00', '2.00 / 8.00', '5.00 / 14.00', '5.00 / 14.00', 'missed']
    step = {
        'size': [8, 6], 'feature_bytes': mib, 'verdict': 'met',
        'peak_bytes': {'student': 8 * mib, 'no_losses': 9 * mib, 'distillation': 12 * mib},
        'extra_bytes': {'distillation': 3 * mib},
    }  # fmt: skip
    setting = {'config': 'a.py', 'amp': False, 'channels_last': False, 'compile': False, 'batch_size': 4}
    _, student, none, whole = cells(tool.step_table({'device': 'cpu', 'threads': 1, **setting, 'steps': [step]}))
    assert student == ['8x6', 'student step', '8.00', '1.000', '', '', '']
    assert none == ['8x6', 'student step and teacher forward', '9.00', '1.125', '', '', '']
    assert whole == ['8x6', 'distillation step', '12.00', '1.500', '3.00', '3.00', 'met']


def test_json_holds_what_is_asked_for(tool, monkeypatch, tmp_path, capsys):
    path = tmp_path / 'figures.json'
    monkeypatch.setattr(tool, 'SIZES', {'classification': SHAPES})
    monkeypatch.setattr(tool, 'METHODS', {name: tool.METHODS[name] for name in ('CWD', 'FDKD')})
    monkeypatch.setattr(tool, 'measure_steps', None)
    monkeypatch.setattr(sys, 'argv', ['memory.py', CONFIG, '--only', 'losses', '--json', str(path)])
    guarded(tool.main)
    figures = json.loads(path.read_text())
    assert [loss['method'] for loss in figures['losses']] == ['CWD', 'FDKD']
    assert 'steps' not in figures
    assert figures['goal'] == 4
    assert {'date', 'command', 'device', 'versions', 'config', 'amp'} <= figures.keys()
    assert 'feat 6x2048' in capsys.readouterr().out


def test_refusal_comes_before_anything_is_measured(tool, monkeypatch):
    monkeypatch.setattr(tool, 'measure_loss', None)
    monkeypatch.setattr(sys, 'argv', ['memory.py', '--json', 'none/figures.json'])
    with pytest.raises(SystemExit, match=r'error: --json none/figures\.json: there is no such folder'):
        guarded(tool.main)
