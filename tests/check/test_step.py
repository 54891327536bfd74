"""One step on a generated batch: what it shows and what it finds wrong."""

import pytest
import torch
from mmengine.config import Config
from torch import nn

from fdkd.check.findings import Findings
from fdkd.check.step import run_step, settle
from fdkd.errors import DataError
from fdkd.models.classifier import Classifier
from fdkd.registry import MODELS
from tests.support.pairs import BOTH, batch, network


@MODELS.register_module(force=True)
class ClassifierWithASpareLayer(Classifier):
    """A layer of it is part of nothing."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.spare = nn.Linear(2, 2)


def stepped(
    losses=None, algorithm='CrossModalDistiller', spare=False, load_from=None, assumed=None, wrapper=None, **student
):
    visual = network(3) | ({'type': 'ClassifierWithASpareLayer'} if spare else {})
    preprocessor = dict(type='MultimodalPreprocessor', modalities=dict(audio=dict(), visual=dict()))
    model = dict(
        type=algorithm,
        student=dict(modality='visual', model=visual, **student),
        teacher=dict(modality='audio', model=network(1), checkpoint=None),
        data_preprocessor=preprocessor,
        **({} if losses is None else {'losses': losses}),
    )
    inputs, samples = batch(BOTH, BOTH, BOTH)
    generated = {'inputs': {name: list(x) for name, x in inputs.items()}, 'data_samples': samples}
    optimizer = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9), **(wrapper or {}))
    cfg = Config(dict(model=model, optim_wrapper=optimizer, train_dataloader=dict(batch_size=6), load_from=load_from))
    found = Findings('a.py', assumed=assumed or {})
    run_step(cfg, generated, found)
    return found


@pytest.fixture(scope='module')
def distilled():
    losses = dict(
        feat=dict(type='FeatureMSELoss', on='feat', weight=2.0),
        stages=dict(type='OFDLoss', on='stages', connector=dict(type='Resize')),
    )
    return stepped(losses)


def test_each_loss_has_a_row_with_what_it_compares(distilled):
    assert distilled.mistakes == []
    feat, stages = distilled.taps
    value = distilled.losses['feat.loss']
    assert feat == {
        'loss': 'feat', 'tap': 'feat', 'student_path': 'feature', 'student_shape': [3, 512], 'connector': '',
        'teacher_path': 'feature', 'teacher_shape': [3, 512], 'weight': 2.0, 'value': value,
    }  # fmt: skip
    assert stages['connector'] == 'Resize'
    assert stages['student_path'][0] == 'backbone.layer1.1.relu:input'
    assert stages['student_shape'][-1] == [3, 512, 2, 2]
    assert len(stages['teacher_shape']) == 4


def test_parameters_batch_and_memory(distilled):
    assert distilled.parameters['teacher']['trainable'] == 0
    assert distilled.batch == {'samples': 3, 'config': 6, 'shapes': {'audio': [1, 33, 33], 'visual': [3, 33, 33]}}
    trainable = sum(part['trainable'] for part in distilled.parameters.values())
    assert distilled.memory['gradients'] == distilled.memory['optimizer'] == 4 * trainable  # momentum of each weight
    assert distilled.memory['activations'] > 0


def test_losses_that_teach_nothing_and_parameters_that_learn_nothing_are_mistakes():
    losses = dict(off=dict(type='FeatureMSELoss', on='feat', weight=0.0))
    found = stepped(losses, spare=True, taps=dict(unread='backbone.layer9'))
    tap, off, spare = found.mistakes
    assert off.startswith('model.losses.off: no gradient comes from it to the student, whose tap reads (3, 512)')
    assert off.endswith('its weight is 0.0')
    assert "has no tap 'backbone.layer9'" in tap
    assert spare.startswith('student.spare: 2 parameters get no gradient')


def test_what_an_assumed_shape_cannot_cause_stays_a_mistake():
    losses = dict(
        off=dict(type='FeatureMSELoss', on='feat', weight=0.0),
        endless=dict(type='FeatureMSELoss', on='feat', weight=float('inf')),
    )
    broken = dict(paramwise_cfg=dict(custom_keys={'backbone': 3}))
    found = stepped(losses, spare=True, assumed={'audio': [1, 33, 33]}, wrapper=broken)
    assert [mistake.partition(':')[0] for mistake in found.mistakes] == [
        'optim_wrapper', 'endless.loss', 'model.losses.off',
    ]  # fmt: skip
    losses.pop('endless')
    found = stepped(losses, spare=True, assumed={'audio': [1, 33, 33]})
    assert [mistake.partition(':')[0] for mistake in found.mistakes] == ['model.losses.off', 'student.spare']
    found = stepped(losses, spare=True, assumed={'visual': [3, 33, 33]})
    assert [mistake.partition(':')[0] for mistake in found.mistakes] == ['model.losses.off']
    assert [note.partition(':')[0] for note in found.notes] == ['student.spare']


def test_a_loss_that_is_not_finite_is_a_mistake():
    found = stepped(dict(endless=dict(type='FeatureMSELoss', on='feat', weight=float('inf'))))
    assert 'endless.loss: inf in a step on random values, expected a finite number' in found.mistakes


def test_both_directions_of_mutual_learning_have_rows():
    found = stepped(dict(kd=dict(type='LogitKDLoss', on='logits')), 'MutualDistiller')
    assert found.mistakes == []
    assert [row['loss'] for row in found.taps] == ['teacher.kd', 'kd']
    assert found.taps[0]['value'] == found.losses['teacher.kd.loss']
    assert found.parameters['teacher']['trainable'] == found.parameters['teacher']['total']


def test_c2kd_shows_logits_and_what_its_proxies_read():
    found = stepped(algorithm='C2KD')
    assert found.mistakes == []
    assert {row['tap']: row['student_path'] for row in found.taps} == {'logits': 'head', 'proxy': 'head:input'}


def test_load_from_has_to_fit(tmp_path):
    torch.save({'state_dict': {'head.weight': torch.ones(5, 512)}}, tmp_path / 'a.pth')
    found = stepped(dict(feat=dict(type='FeatureMSELoss', on='feat')), load_from=str(tmp_path / 'a.pth'))
    assert len(found.mistakes) == 1
    assert found.mistakes[0].startswith(f'load_from: {tmp_path / "a.pth"}: does not fit Classifier')


class Faint(nn.Module):
    """Puts out a thousandth of its input, until its batch norm knows better."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, inputs, mode='tensor'):
        return self.norm(inputs / 1000)


def test_a_settled_network_tells_samples_apart():
    model, x = Faint(), torch.randn(50, 3)
    with torch.no_grad():
        faint = model.eval()(x).std()
        settle(model, x, 'imu')
        assert float(model(x).std() / faint) > 100
    assert (model.training, model.norm.training, model.norm.momentum) == (False, False, 0.1)


def test_a_network_that_does_not_take_its_input_is_not_settled():
    with pytest.raises(DataError, match=r'^imu: the data give vectors \[24\], ResNet18 needs \[1, H, W\].* \(Expected'):
        settle(MODELS.build(network(1)), torch.randn(3, 24), 'imu')
