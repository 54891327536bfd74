"""Two small classifiers that teach each other."""

import pytest
import torch
from mmengine.config import ConfigDict
from torch.nn.functional import cross_entropy, mse_loss

from fdkd.errors import ConfigError
from fdkd.registry import MODELS
from tests.support.pairs import ALONE, BOTH, batch, feature, network

FEAT = dict(type='FeatureMSELoss', on='feat')


def mutual(teacher=None, losses=None, **named):
    torch.manual_seed(0)
    return MODELS.build(
        ConfigDict(
            type='MutualDistiller',
            student=dict(modality='audio', model=network(1)),
            teacher=teacher or dict(modality='visual', model=network(3)),
            losses=losses or named or dict(feat=FEAT),
        )
    ).eval()


def test_each_model_has_its_task_and_its_distance_from_the_other():
    model = mutual(feat=dict(FEAT, weight=0.5))
    inputs, samples = batch(BOTH, BOTH)
    losses = model(inputs, samples, mode='loss')
    with torch.no_grad():
        ours, theirs = feature(model.student, inputs['audio']), feature(model.teacher, inputs['visual'])
        task = cross_entropy(model.teacher(inputs['visual']), torch.tensor([0, 1]))
    expected = {'loss_ce', 'feat.loss', 'teacher.loss_ce', 'teacher.feat.loss'}
    assert set(losses) == expected
    for name in ('feat.loss', 'teacher.feat.loss'):
        assert losses[name].item() == pytest.approx(0.5 * mse_loss(ours, theirs).item(), rel=1e-5)
    assert losses['teacher.loss_ce'].item() == pytest.approx(task.item(), rel=1e-5)


@pytest.mark.parametrize(
    ('loss', 'moves', 'stays'), [('feat.loss', 'student', 'teacher'), ('teacher.feat.loss', 'teacher', 'student')]
)
def test_the_other_model_is_fixed_in_each_distance(loss, moves, stays):
    model = mutual()
    model(*batch(BOTH, BOTH), mode='loss')[loss].backward()
    assert any(p.grad is not None and p.grad.any() for p in getattr(model, moves).parameters())
    assert all(p.grad is None for p in getattr(model, stays).parameters())


def test_a_sample_without_the_teachers_modality_adds_the_students_task_alone():
    model = mutual()
    inputs, samples = batch(BOTH, ALONE, BOTH)
    losses = model(inputs, samples, mode='loss')
    with torch.no_grad():
        ours, theirs = feature(model.student, inputs['audio'])[::2], feature(model.teacher, inputs['visual'])
        task = cross_entropy(model.teacher(inputs['visual']), torch.tensor([0, 2]))
    assert losses['feat.loss'].item() == pytest.approx(mse_loss(ours, theirs).item(), rel=1e-5)
    assert losses['teacher.loss_ce'].item() == pytest.approx(task.item(), rel=1e-5)


def test_weights_rise_in_both_directions():
    model = mutual(feat=dict(FEAT, warmup=4))
    whole = mutual()(*batch(BOTH, BOTH), mode='loss')
    for epoch, share in ((0, 0.25), (2, 0.75), (5, 1)):
        model.start_epoch(epoch)
        losses = model(*batch(BOTH, BOTH), mode='loss')
        for name in ('feat.loss', 'teacher.feat.loss'):
            assert losses[name].item() == pytest.approx(share * whole[name].item(), rel=1e-5)


def test_each_direction_has_a_connector_of_its_own():
    model = mutual(feat=dict(FEAT, connector=dict(type='Projection', in_channels=512, out_channels=512)))
    ours, theirs = (terms.connectors['feat'][0].linear.weight for terms in (model.terms, model.teacher_terms))
    assert not ours.equal(theirs)


def test_a_loss_named_as_the_teacher_is_refused():
    with pytest.raises(ConfigError, match="may not be named 'teacher'"):
        mutual(losses=dict(teacher=FEAT))


def test_weights_for_the_teacher_are_refused():
    with pytest.raises(ConfigError, match=r'from scratch: leave out teacher\.pth'):
        mutual(teacher=dict(modality='visual', model=network(3), checkpoint='teacher.pth'))


@pytest.mark.parametrize('loss', [dict(type='OFDLoss', on='feat'), dict(type='FreeKDLoss', on='map')])
def test_losses_made_for_a_trained_teacher_are_refused(loss):
    with pytest.raises(ConfigError, match=f"'kd': {loss['type']} takes what it compares from a trained teacher"):
        mutual(kd=loss)
