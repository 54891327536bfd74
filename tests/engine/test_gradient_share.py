"""Gradients of the parts of a loss at a tap: their values, where they are logged, and that nothing else changes."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import MessageHub
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from fdkd.algorithms import SingleModality
from fdkd.apis.options import RunOptions
from fdkd.apis.train import train
from fdkd.checkpoint import read_checkpoint, write_checkpoint
from fdkd.engine import GradientShareHook
from fdkd.engine.amp import CPUAmpOptimWrapper
from fdkd.engine.gradient_share import gradient_norms
from fdkd.errors import ConfigError
from fdkd.registry import MODELS
from tests.support.motions import write_configs, write_motions
from tests.support.pairs import ALONE, BOTH, batch, network

TASK, FEAT = 'loss_ce', 'feat.loss'


def algorithm(kind='CrossModalDistiller'):
    torch.manual_seed(0)
    if kind == 'SingleModality':
        return MODELS.build(dict(type=kind, modality='audio', model=network(1)))
    return MODELS.build(
        dict(
            type=kind,
            student=dict(modality='audio', model=network(1)),
            teacher=dict(modality='visual', model=network(3), checkpoint=None),
            losses=dict(feat=dict(type='FeatureMSELoss', on='feat', weight=3.0)),
        )
    )


class FakeRunner:
    """As much of a runner as the hook sees, with a step that trains the model."""

    def __init__(self, model, wrapper=OptimWrapper, ddp=False, taps=None):
        self.algorithm, self._resume = model, False
        self.model = MMDistributedDataParallel(model, device_ids=None) if ddp else model
        self.cfg = Config({'model': {'student': {'taps': taps}} if taps else {}})
        self.message_hub = MessageHub('test')
        self.optim_wrapper = wrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.01))

    def step(self, hook, index=0, present=(BOTH, ALONE, BOTH), data=None):
        inputs, samples = batch(*present) if data is None else data
        data = {'inputs': inputs, 'data_samples': samples}
        self.model.train()
        if hook:
            hook.before_train_iter(self, index, data)
        outputs = self.model.train_step(data, self.optim_wrapper)
        if hook:
            hook.after_train_iter(self, index, data, outputs)
        return outputs

    @property
    def scalars(self):
        return {name: buffer.current() for name, buffer in self.message_hub.log_scalars.items()}


def test_by_hand_in_numpy():
    """The task: softmax minus target through the head, a ReLU and the mean; the distance: through the mean alone."""
    model = algorithm()
    runner = FakeRunner(model)
    inputs, samples = batch(BOTH, ALONE, BOTH)
    model.train()
    seen = {}
    handle = model.student.backbone.register_forward_hook(lambda _, x, y: seen.update(map=y.detach().double().numpy()))
    state = {name: x.clone() for name, x in model.state_dict().items()}
    model(inputs, samples, mode='loss')
    handle.remove()
    model.load_state_dict(state)
    x, weight = seen['map'], model.student.head.weight.detach().double().numpy()
    positions = x.shape[2] * x.shape[3]
    logits = np.maximum(x, 0).mean((2, 3)) @ weight.T + model.student.head.bias.detach().double().numpy()
    scores = np.exp(logits - logits.max(1, keepdims=True))
    scores = scores / scores.sum(1, keepdims=True) - np.eye(5)[[0, 1, 2]]
    task = (scores @ weight / 3)[:, :, None, None] * (x > 0) / positions
    with torch.no_grad():
        teacher = model.teacher.backbone(inputs['visual']).mean((2, 3)).double().numpy()
    distance = 3.0 * 2 * (x.mean((2, 3))[[0, 2]] - teacher) / teacher.size / positions
    expected = np.linalg.norm(task), np.linalg.norm(distance) * math.sqrt(positions)

    runner.step(GradientShareHook())
    norms = [runner.scalars[f'train/grad_norm/{name}'] for name in (TASK, FEAT)]
    assert norms == pytest.approx(expected, rel=1e-4)
    shares = [runner.scalars[f'train/grad_share/{name}'] for name in (TASK, FEAT)]
    assert shares == pytest.approx([norm / sum(expected) for norm in expected], rel=1e-4)
    assert set(runner.scalars) == {f'train/{kind}/{n}' for kind in ('grad_norm', 'grad_share') for n in (TASK, FEAT)}


def test_parts_are_added_up_as_mmengine_does():
    x = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64, requires_grad=True)
    losses = {
        'loss_list': [x * 2, x.sum()],  # means 2/3 each, plus 1 each: a gradient of 5/3
        'loss_mean': x.square(),  # 2 x / 3
        'loss_apart': torch.ones(1, requires_grad=True),
        'loss_fixed': torch.tensor(3.0),
        'accuracy': x.sum(),
    }
    norms = {name: norm.item() for name, norm in gradient_norms(losses, x).items()}
    assert norms == pytest.approx({'loss_list': 5 / math.sqrt(3), 'loss_mean': 2.0, 'loss_apart': 0, 'loss_fixed': 0})
    assert x.grad is None
    x.sum().backward()


def test_scaling_keeps_gradients_that_half_precision_cannot_hold():
    x = torch.ones(4, dtype=torch.float16, requires_grad=True)
    losses = {'loss': x.float().sum() * 1e-9}
    assert gradient_norms(losses, x)['loss'].item() == 0
    assert gradient_norms(losses, x, scale=65536.0)['loss'].item() == pytest.approx(2e-9, rel=1e-2)


@pytest.mark.parametrize('kind', ['CrossModalDistiller', 'SingleModality'])
def test_a_step_is_the_same_to_the_last_bit(kind):
    states = []
    for hook in (None, GradientShareHook(interval=1), GradientShareHook('backbone.layer1.1.relu:input', interval=2)):
        runner = FakeRunner(algorithm(kind))
        losses = [runner.step(hook, index) for index in range(2)]
        states.append([*runner.algorithm.state_dict().values(), *(x for part in losses for x in part.values())])
    for state in states[1:]:
        assert all(one.equal(other) for one, other in zip(states[0], state, strict=True))


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.relu, self.head = nn.Conv2d(1, 8, 5, 5), nn.ReLU(inplace=True), nn.Conv2d(8, 2, 1)

    def forward(self, inputs, data_samples, mode):
        x = self.head(self.relu(self.body(inputs)))
        return {'loss_square': x.square().mean(), 'loss_both': [x.sin(), x.mean()]}


def test_in_mixed_precision_a_step_is_the_same_too_and_the_norms_are_close():
    runners = {}
    for name, wrapper, hook in (
        ('exact', OptimWrapper, GradientShareHook('relu:input')),
        ('half', CPUAmpOptimWrapper, GradientShareHook('relu:input')),
        ('plain', CPUAmpOptimWrapper, None),
    ):
        torch.manual_seed(0)
        runners[name] = FakeRunner(SingleModality('audio', Tiny()), wrapper)
        runners[name].step(hook)
    exact, half, plain = runners['exact'], runners['half'], runners['plain']
    assert half.scalars == pytest.approx(exact.scalars, rel=0.05)
    assert half.scalars != exact.scalars
    states = (runner.algorithm.state_dict().values() for runner in (half, plain))
    assert all(one.equal(other) for one, other in zip(*states, strict=True))
    assert half.algorithm.student.relu.inplace  # as before


def test_the_losses_are_scaled_as_the_optimizer_does(monkeypatch):
    class Scaled(OptimWrapper):
        loss_scaler = SimpleNamespace(get_scale=lambda: 4096.0)

    scales = []

    def noted(losses, feature, scale):
        scales.append(scale)
        return gradient_norms(losses, feature, scale)

    monkeypatch.setattr('fdkd.engine.gradient_share.gradient_norms', noted)
    plain, scaled = FakeRunner(algorithm('SingleModality')), FakeRunner(algorithm('SingleModality'), Scaled)
    for runner in (plain, scaled):
        runner.step(GradientShareHook())
    assert scales == [1.0, 4096.0]
    assert scaled.scalars == pytest.approx(plain.scalars, rel=1e-5)


def test_the_task_has_no_gradient_at_a_classifiers_pooled_feature():
    runner = FakeRunner(algorithm())
    runner.step(GradientShareHook('feat'))
    assert runner.scalars[f'train/grad_norm/{TASK}'] == 0
    assert runner.scalars[f'train/grad_share/{FEAT}'] == 1


def test_a_student_alone_has_one_part():
    runner = FakeRunner(algorithm('SingleModality'))
    runner.step(GradientShareHook())
    assert runner.scalars[f'train/grad_norm/{TASK}'] > 0
    assert runner.scalars[f'train/grad_share/{TASK}'] == 1


def test_of_a_segmentor_every_part_has_a_gradient_before_the_last_relu():
    models = Config.fromfile('configs/_base_/models/deeplabv3plus_r18.py').segmentor
    for model in models.values():
        model.backbone.init_cfg = None
    parts = {name: ConfigDict(modality=name, model=model) for name, model in models.items()}
    parts['depth'].checkpoint = None
    losses = dict(fdkd=dict(type='FDKDLoss', on='feat', align=False, band_task=False))
    runner = FakeRunner(
        MODELS.build(dict(type='CrossModalDistiller', student=parts['rgb'], teacher=parts['depth'], losses=losses))
    )
    samples = [SegDataSample(gt_sem_seg=PixelData(data=torch.zeros(1, 32, 32).long())) for _ in range(2)]
    runner.step(
        GradientShareHook(), data=({'rgb': torch.randn(2, 3, 32, 32), 'depth': torch.randn(2, 1, 32, 32)}, samples)
    )
    norms = {name.rpartition('/')[2]: norm for name, norm in runner.scalars.items() if 'norm' in name}
    auxiliary = norms.pop('aux.loss_ce')  # read from the stage before
    assert auxiliary == 0
    assert norms.keys() == {'decode.loss_ce', 'fdkd.loss_low', 'fdkd.loss_high'}
    assert all(norm > 0 for norm in norms.values())


def test_under_ddp_the_gradients_are_those_of_one_process(tmp_path):
    alone = FakeRunner(algorithm())
    alone.step(GradientShareHook())
    torch.distributed.init_process_group('gloo', init_method=f'file://{tmp_path / "store"}', rank=0, world_size=1)
    try:
        parallel, plain = (FakeRunner(algorithm(), ddp=True) for _ in range(2))
        parallel.step(GradientShareHook())
        plain.step(None)
    finally:
        torch.distributed.destroy_process_group()
    assert parallel.scalars == pytest.approx(alone.scalars, rel=1e-5)
    states = (runner.algorithm.state_dict().values() for runner in (plain, parallel))
    assert all(one.equal(other) for one, other in zip(*states, strict=True))


def test_the_students_taps_are_known():
    runner = FakeRunner(algorithm(), taps={'mine': 'backbone.layer3'})
    runner.step(GradientShareHook('mine'))
    by_name = runner.scalars
    runner = FakeRunner(algorithm())
    runner.step(GradientShareHook('backbone.layer3'))
    assert by_name == runner.scalars


def test_epochs_are_averaged_and_a_part_that_a_step_lacks_counts_with_0():
    runner, hook = FakeRunner(algorithm()), GradientShareHook(interval=2)
    shares = []
    for index, present in enumerate([(BOTH, BOTH), (BOTH, BOTH), (ALONE, ALONE), (BOTH, BOTH)]):
        runner.step(hook, index, present)
        shares.append({name.split('/')[2]: x for name, x in runner.scalars.items() if 'share' in name})
    hook.after_train_epoch(runner)
    assert shares[0] == shares[1]  # not measured anew
    assert shares[2][TASK] == 1
    assert shares[2][FEAT] == 0
    history = runner.message_hub.get_info('gradient_share')
    assert history == {
        TASK: [pytest.approx((shares[0][TASK] + 1) / 2)],
        FEAT: [pytest.approx(shares[0][FEAT] / 2)],
    }
    hook.after_train_epoch(runner)
    runner.step(hook)
    hook.after_train_epoch(runner)
    history = runner.message_hub.get_info('gradient_share')
    assert [math.isnan(x) for x in history[TASK]] == [False, True, False]
    assert history[TASK][2] + history[FEAT][2] == pytest.approx(1)


def test_norms_that_are_not_finite_are_not_counted():
    runner, hook = FakeRunner(algorithm('SingleModality')), GradientShareHook()
    with torch.no_grad():
        runner.algorithm.student.head.bias[0] = float('nan')
    runner.step(hook)
    hook.after_train_epoch(runner)
    assert runner.scalars == {}
    assert runner.message_hub.get_info('gradient_share') == {}


def test_the_means_come_back_with_a_run_that_continues(tmp_path):
    runner, hook = FakeRunner(algorithm()), GradientShareHook(interval=1)
    runner.step(hook)
    hook.after_train_epoch(runner)
    runner.step(hook)
    checkpoint = {}
    hook.before_save_checkpoint(runner, checkpoint)
    write_checkpoint(checkpoint, tmp_path / 'epoch_1.pth')
    hook.after_train_epoch(runner)

    for resume in (True, False):
        other, again = FakeRunner(algorithm()), GradientShareHook(interval=1)
        other._resume = resume
        again.after_load_checkpoint(other, read_checkpoint(tmp_path / 'epoch_1.pth'))
        again.before_train(other)
        assert len(other.message_hub.get_info('gradient_share').get(TASK, ())) == int(resume)
        again.after_train_epoch(other)
        same = other.message_hub.get_info('gradient_share') == runner.message_hub.get_info('gradient_share')
        assert same == resume


@pytest.mark.parametrize('interval', [0, -1, 2.5, None])
def test_an_interval_is_a_whole_number_above_0(interval):
    with pytest.raises(ConfigError, match=r'interval=.*expected a whole number above 0'):
        GradientShareHook(interval=interval)


@pytest.mark.parametrize(
    ('tap', 'message'),
    [
        ('backbone.layer9', r"Classifier has no tap 'backbone.layer9': the nearest modules are .*backbone.layer1"),
        ('stages', "the tap 'stages' reads 4 tensors, expected one"),
        ('backbone.conv1:input', "the tap 'backbone.conv1:input' has no gradient"),
        ('unused', "the tap 'unused' did not fire"),
    ],
)
def test_a_tap_that_cannot_be_read_is_named(tap, message):
    runner = FakeRunner(algorithm())
    runner.algorithm.student.unused = nn.Identity()
    with pytest.raises(ConfigError, match=message):
        runner.step(GradientShareHook(tap))


def test_a_tap_that_reads_no_tensor_is_named():
    runner = FakeRunner(algorithm())
    runner.algorithm.student.head.register_forward_hook(lambda _, x, y: (y,))
    with pytest.raises(ConfigError, match="the tap 'head' reads a tuple, not a tensor"):
        runner.step(GradientShareHook('head'))


def test_a_training_logs_the_shares(tmp_path):
    config = write_configs(tmp_path, write_motions(tmp_path / 'motions'))
    changes = {'default_hooks.share': dict(type='GradientShareHook', interval=2), 'default_hooks.logger.interval': 1}
    results = train(config, RunOptions(cfg_options=changes), work_dir=tmp_path / 'run', teacher='untrained')
    lines = next((tmp_path / 'run').glob('*/vis_data/scalars.json')).read_text().splitlines()
    lines = [json.loads(line) for line in lines if 'grad_norm' in line]
    shares = [{name: x for name, x in line.items() if name.startswith('grad_share/')} for line in lines]
    assert len(lines) == 3
    assert shares[0].keys() == {
        f'grad_share/{part}' for part in (TASK, *(f'fdkd.loss_{kind}' for kind in ('low', 'high', 'align', 'band')))
    }
    assert all(sum(line.values()) == pytest.approx(1, abs=1e-3) for line in shares)
    assert shares[0] == shares[1]
    assert shares[1] != shares[2]  # the last measurement, not a mean
    epochs = read_checkpoint(tmp_path / 'run' / 'epoch_1.pth')['gradient_share']['epochs']
    assert len(epochs) == 1
    assert results['gradient_share'] == {name: [mean] for name, mean in epochs[0].items()}
    for name, mean in epochs[0].items():
        assert mean == pytest.approx(sum(line[f'grad_share/{name}'] for line in shares[1:]) / 2, abs=1e-4)
