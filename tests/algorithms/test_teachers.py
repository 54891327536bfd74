"""Several frozen teachers: whose taps a loss compares, samples that lack a modality, what a student keeps of them."""

import copy

import pytest
import torch
from mmengine.config import ConfigDict
from torch.nn.functional import mse_loss

from fdkd.datasets.class_sample import ClassSample
from fdkd.errors import CheckpointError, ConfigError
from fdkd.registry import MODELS
from tests.support.pairs import CLASSES, network

FEAT = dict(type='FeatureMSELoss', on='feat')
KD = dict(type='LogitKDLoss', on='logits')
ALL = ('audio', 'visual', 'touch', 'label')


def part(modality, channels, **settings):
    return dict(modality=modality, model=network(channels), **settings)


def build(losses, **teachers):
    torch.manual_seed(0)
    return MODELS.build(
        ConfigDict(type='CrossModalDistiller', student=part('audio', 1), losses=copy.deepcopy(losses), **teachers)
    )


def both(**losses):
    teachers = dict(visual=part('visual', 3, checkpoint=None), touch=part('touch', 2, checkpoint=None))
    losses = losses or dict(feat=dict(FEAT, teacher='visual'), kd=dict(KD, teacher='touch', weight=0.5))
    return build(losses, teachers=teachers)


def batch(*present):
    generator = torch.Generator().manual_seed(1)
    inputs = {
        name: torch.randn(sum(name in names for names in present), channels, 33, 33, generator=generator)
        for name, channels in (('audio', 1), ('visual', 3), ('touch', 2))
    }
    samples = [
        ClassSample(metainfo={'present': names}, gt_label=torch.tensor(label)) for label, names in enumerate(present)
    ]
    return inputs, samples


@pytest.fixture(scope='module')
def model():
    return both().eval()


def test_each_loss_compares_with_its_teacher(model):
    inputs, samples = batch(ALL, ALL)
    losses = model.loss(inputs, samples)
    assert set(losses) == {'loss_ce', 'feat.loss', 'kd.loss'}
    with torch.no_grad():
        student = model.student.backbone(inputs['audio']).mean((2, 3))
        visual = model.teachers['visual'].network.backbone(inputs['visual']).mean((2, 3))
        touch = model.teachers['touch'].network(inputs['touch'])
        expected = model.terms.losses['kd'](model.student(inputs['audio']), touch, None)
    torch.testing.assert_close(losses['feat.loss'], mse_loss(student, visual), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses['kd.loss'], 0.5 * expected, rtol=1e-4, atol=1e-6)
    assert model.modalities == ('audio', 'visual', 'touch')


def test_each_teacher_teaches_the_samples_that_have_its_modality(model):
    inputs, samples = batch(ALL, ('audio', 'visual', 'label'), ('audio', 'touch', 'label'))
    losses = model.loss(inputs, samples)
    for modality, name, rows in (('visual', 'feat.loss', [0, 1]), ('touch', 'kd.loss', [0, 2])):
        some = {'audio': inputs['audio'][rows], modality: inputs[modality]}
        chosen = [copy.deepcopy(samples[row]) for row in rows]
        for sample in chosen:
            sample.set_metainfo({'present': ('audio', modality, 'label')})
        torch.testing.assert_close(losses[name], model.loss(some, chosen)[name], rtol=1e-4, atol=1e-6)


def test_a_teacher_that_no_sample_of_the_batch_has_leaves_its_losses_out():
    projection = dict(type='Projection', in_channels=512, out_channels=512)
    model = both(feat=dict(FEAT, teacher='visual', connector=projection), kd=dict(KD, teacher='touch'))
    losses = model.loss(*batch(('audio', 'touch', 'label'), ('audio', 'touch', 'label')))
    assert set(losses) == {'loss_ce', 'kd.loss', 'pairs.loss_none'}
    model.parse_losses(losses)[0].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert set(model.loss(*batch(('audio', 'label')))) == {'loss_ce', 'pairs.loss_none'}


def test_no_teacher_is_saved_trained_or_copied(model):
    assert {name.split('.')[0] for name in model.state_dict()} == {'student'}
    copied = copy.deepcopy(model)
    for name, teacher in model.teachers.items():
        assert copied.teachers[name].network is teacher.network
        assert not any(parameter.requires_grad for parameter in teacher.network.parameters())
    expected, found = (m.loss(*batch(ALL, ALL)) for m in (model, copied))
    assert all(found[name].equal(expected[name]) for name in expected)
    moved = copy.deepcopy(model).train().double()
    assert all(next(t.network.parameters()).dtype == torch.float64 for t in moved.teachers.values())
    assert not any(module.training for t in moved.teachers.values() for module in t.network.modules())
    moved.float()


def test_one_among_several_computes_what_it_does_alone():
    alone = build(dict(feat=FEAT), teacher=part('visual', 3, checkpoint=None)).eval()
    named = build(dict(feat=dict(FEAT, teacher='v')), teachers=dict(v=part('visual', 3, checkpoint=None))).eval()
    assert list(alone.state_dict()) == list(named.state_dict())
    one, other = (model.loss(*batch(ALL, ALL)) for model in (alone, named))
    assert all(one[name].equal(other[name]) for name in one)
    assert (list(alone.teachers), alone.teacher_modality) == (['teacher'], 'visual')


def test_what_is_made_for_one_teacher_says_so(model):
    for name in ('teacher', 'teacher_modality', 'teacher_taps', 'teacher_tap_paths', 'teacher_cache'):
        with pytest.raises(ConfigError, match=r'several teachers \(visual, touch\), and this is made for one'):
            getattr(model, name)
    assert list(model.networks) == ['student', 'teacher visual', 'teacher touch']


@pytest.mark.parametrize(
    ('losses', 'message'),
    [
        (dict(feat=FEAT), "the loss 'feat' names no teacher: add teacher='visual' or teacher='touch'"),
        (dict(feat=dict(FEAT, teacher='sonar')), "the loss 'feat' names the teacher 'sonar', which is not there"),
        (dict(feat=dict(FEAT, teacher='visual')), "no loss compares with the teacher 'touch'"),
    ],
)
def test_losses_and_teachers_that_do_not_meet(losses, message):
    with pytest.raises(ConfigError, match=message):
        both(**losses)


def test_a_teacher_and_teachers_or_neither():
    teacher = part('visual', 3, checkpoint=None)
    with pytest.raises(ConfigError, match='has a teacher and teachers'):
        build(dict(feat=FEAT), teacher=teacher, teachers=dict(v=teacher))
    with pytest.raises(ConfigError, match='neither a teacher nor teachers'):
        build(dict(feat=FEAT))
    with pytest.raises(ConfigError, match=r'model\.teachers: expected a dictionary of teachers'):
        build(dict(feat=FEAT), teachers=[teacher])


def test_a_teacher_of_other_classes_teaches_by_its_features_alone():
    teacher = part('visual', 3, checkpoint=None)
    teacher['model'] = dict(teacher['model'], num_classes=CLASSES + 4)
    assert 'feat.loss' in build(dict(feat=FEAT), teacher=teacher).loss(*batch(ALL, ALL))
    with pytest.raises(CheckpointError, match=r'knows 9 classes, the student 5: only features can be compared'):
        build(dict(feat=FEAT, kd=KD), teacher=teacher)


def test_pretrained_weights_without_a_classifier_teach_no_logits(monkeypatch):
    model = build(dict(kd=KD), teacher=part('visual', 3, checkpoint=None))
    network = model.teacher
    network.name = 'a network'
    monkeypatch.setattr(type(network), 'init_weights', lambda self: setattr(self, 'head_is_new', True))
    with pytest.raises(ConfigError, match=r"the loss 'kd' compares logits, .* \(a network\) have no classifier of 5"):
        model.teachers['teacher'].init_weights()
