"""``tools/benchmark/plain_training.py`` at its smallest: the two loops agree, and what is made of their times."""

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.optim.scheduler import PolyLR

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions
from fdkd.datasets.base import SampleKey

DIGITS, NYU = 'configs/demo/digits_image_from_audio.py', 'configs/fdkd/nyu_rgb_from_depth.py'


@pytest.fixture(scope='module')
def tool():
    """The script as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / 'tools/benchmark')
        yield import_module('plain_training')


@pytest.fixture(scope='module')
def plain_loop(tool):
    return sys.modules['plain_loop']


def config(tool, path, epochs=3, tiny=False, size=(32, 24), steps=2):
    options = RunOptions(pretrained='none', epochs=epochs, batch_size=2, workers=0)
    cfg = tool.distillation_config(path, options)
    if tiny:
        tool.use_tiny_backbones(cfg)
    tool.generate_data(cfg, size, steps)
    return cfg


def test_loops_agree_on_a_classifier_and_their_epochs_are_timed(tool):
    found = tool.measure(config(tool, DIGITS, tiny=True, steps=3))
    assert found['difference'] <= tool.AGREEMENT
    assert {name: len(values) for name, values in found['seconds'].items()} == {'runner': 2, 'plain': 2}
    ratios = [a / b for a, b in zip(found['seconds']['runner'], found['seconds']['plain'], strict=True)]
    assert min(ratios) <= found['ratio']['median'] <= max(ratios)


def test_loops_agree_on_a_segmentor(tool, monkeypatch):
    """Dropout and a schedule that falls with every step included."""
    seen, differences = [], tool.differences
    monkeypatch.setattr(tool, 'differences', lambda ours, plain: seen.append(len(plain)) or differences(ours, plain))
    found = tool.measure(config(tool, NYU, epochs=2))
    assert seen == [2]
    assert found['difference'] <= tool.AGREEMENT
    assert 1 < found['last_loss'] < 100


def test_loops_that_differ_are_not_timed(tool, plain_loop, monkeypatch):
    task_loss = plain_loop.task_loss
    monkeypatch.setattr(plain_loop, 'task_loss', lambda *args: 1.0001 * task_loss(*args))
    with pytest.raises(tool.FdkdError, match=r'step 1: the loss is .* in the plain loop.*: nothing was timed'):
        tool.measure(config(tool, DIGITS, tiny=True))


def test_a_difference_in_any_step_counts(tool):
    losses = torch.tensor([2.0, 3.0, 4.0], dtype=torch.float64)
    assert tool.differences(list(losses), list(losses * (1 + 5e-7)))['difference'] == pytest.approx(5e-7, rel=1e-3)
    assert tool.differences(list(losses), list(losses))['last_loss'] == 4
    with pytest.raises(tool.FdkdError, match=r'step 2: the loss is 3\.0, but 3\.00001 in the plain loop.* 3\.3e-06'):
        tool.differences(list(losses), [losses[0], losses[1] + 1e-5, losses[2]])
    with pytest.raises(tool.FdkdError, match='step 1: the loss is nan'):
        tool.differences([torch.tensor(torch.nan)], [torch.tensor(1.0)])


def test_overhead_is_the_difference_by_step(tool):
    found = tool.compared({'runner': [1.2, 2.4, 1.3], 'plain': [1.0, 2.0, 1.0]}, steps=10)
    assert found['milliseconds'] == pytest.approx({'runner': 130, 'plain': 100})
    assert found['ratio']['median'] == pytest.approx(1.2)
    assert found['overhead_milliseconds']['median'] == pytest.approx(30)
    assert found['overhead_milliseconds']['low'] == pytest.approx(20)


@pytest.mark.parametrize(('each_step', 'eta_min', 'end'), [(True, 0.0, 4), (False, 1e-4, 5), (False, 1e-4, 3)])
def test_schedule_is_that_of_mmengine(plain_loop, each_step, eta_min, end):
    poly = dict(type='PolyLR', power=0.9, eta_min=eta_min, begin=0, end=end, by_epoch=True)
    if each_step:
        poly['convert_to_iter_based'] = True
    cfg = Config(dict(param_scheduler=[poly], optim_wrapper=dict(optimizer=dict(lr=0.02))))
    ours, theirs = (torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.02) for _ in range(2))
    schedule, found = plain_loop._schedule(ours, cfg, steps=3)
    assert found == each_step
    arguments = {key: value for key, value in poly.items() if key not in ('type', 'convert_to_iter_based')}
    build = PolyLR.build_iter_from_epoch if each_step else PolyLR
    reference = build(theirs, **arguments, **({'epoch_length': 3} if each_step else {}))
    for _ in range(12 if each_step else 4):
        for optimizer, moved in ((ours, schedule), (theirs, reference)):
            optimizer.step()
            moved.step()
        assert ours.param_groups[0]['lr'] == pytest.approx(theirs.param_groups[0]['lr'], rel=1e-6, abs=1e-12)


def test_both_loops_load_the_same_samples_in_order(tool, plain_loop):
    data = tool.GeneratedPairs(2, 5, modalities=('image', 'audio'), size=(8, 6), batch_size=3, dense=False)
    pairs = plain_loop.Pairs(data.batches, 'image', 'audio')
    assert len(data) == len(pairs) == 6
    for place in range(6):
        packed, (image, audio, label) = data[SampleKey(place, 1, 0)], pairs[place]
        assert torch.equal(packed['inputs']['image'], image)
        assert torch.equal(packed['inputs']['audio'], audio)
        assert packed['data_samples'].gt_label == label
    assert not torch.equal(data[0]['inputs']['image'], data[3]['inputs']['image'])


def test_label_maps_stand_without_their_channel(tool, plain_loop):
    data = tool.GeneratedPairs(1, 5, modalities=('rgb', 'depth'), size=(8, 6), batch_size=2, dense=True)
    _, depth, label = plain_loop.Pairs(data.batches, 'rgb', 'depth')[1]
    assert depth.shape == (1, 6, 8)
    assert label.shape == (6, 8)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'model': {'losses': {'a': {'type': 'X', 'on': 'feat', 'connector': {}}}}}, r'model\.losses\.a: the plain'),
        ({'model': {'losses': {'a': {'type': 'X', 'on': 'logits'}}}}, r'model\.losses\.a: the plain loop knows'),
        (
            {'model': {'losses': {}}, 'optim_wrapper': {'type': 'OptimWrapper', 'clip_grad': {'max_norm': 1}}},
            'optim_wrapper: the plain loop knows',
        ),
        ({'model': {'losses': {}}, 'param_scheduler': []}, 'param_scheduler: the plain loop knows one PolyLR'),
    ],
)
def test_what_has_no_plain_counterpart_is_refused(tool, plain_loop, changes, message):
    given = {'param_scheduler': [{'type': 'PolyLR'}], 'optim_wrapper': {'type': 'OptimWrapper', 'optimizer': {}}}
    cfg = ConfigDict({**given, **changes})
    with pytest.raises(tool.ConfigError, match=message):
        plain_loop.refuse(cfg)


def test_tiny_needs_classifiers(tool):
    cfg = tool.distillation_config(NYU, RunOptions(pretrained='none'))
    with pytest.raises(tool.ConfigError, match=r'--tiny: needs a Classifier, the config has a mmseg\.EncoderDecoder'):
        tool.use_tiny_backbones(cfg)


def test_what_is_printed_is_written(tool, monkeypatch, tmp_path, capsys):
    path = tmp_path / 'figures.json'
    times = {'runner': [1.2, 1.2], 'plain': [1.0, 1.0]}
    monkeypatch.setattr(tool, 'measure', lambda cfg: {'difference': 3e-8, **tool.compared(times, 10)})
    arguments = [DIGITS, '--size', '32x32', '--tiny', '--repeats', '2', '--json', str(path)]
    monkeypatch.setattr(sys, 'argv', ['plain_training.py', *arguments])
    guarded(tool.main)
    figures, printed = json.loads(path.read_text()), capsys.readouterr().out
    assert (figures['steps'], figures['repeats'], figures['tiny'], figures['workers']) == (10, 2, True, 0)
    assert {'date', 'command', 'device', 'threads', 'config_hash', 'interval', 'seconds'} <= figures.keys()
    assert 'digits_image_from_audio.py, tiny backbones: 32x32, batch 4' in printed
    assert 'losses agree within 3e-08' in printed
    for text in ('120.00', '100.00', '1.200 [1.200, 1.200]', '20.00 [20.00, 20.00]'):
        assert f' {text} ' in printed


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['configs/unimodal/nyu_rgb.py'], 'trains a SingleModality, expected a CrossModalDistiller'),
        (['--json', 'none/figures.json'], 'error: --json none/figures.json: there is no such folder'),
    ],
)
def test_refusal_comes_before_anything_is_measured(tool, monkeypatch, arguments, message):
    monkeypatch.setattr(tool, 'measure', None)
    monkeypatch.setattr(sys, 'argv', ['plain_training.py', *arguments])
    with pytest.raises(SystemExit, match=message):
        guarded(tool.main)
