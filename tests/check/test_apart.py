"""A config that does not work as a whole: the mistakes of each part."""

import pytest
import torch
from mmengine.config import Config

from fdkd.check.apart import Part, check_apart, missing_connector
from fdkd.check.findings import Findings
from tests.support.pairs import BOTH, batch, network


def part(modality, in_channels, **more):
    return dict(modality=modality, model=network(in_channels), **more)


def config(losses, **more):
    student, teacher = part('visual', 3), part('audio', 1, checkpoint=None)
    preprocessor = dict(type='MultimodalPreprocessor', modalities=dict(audio=dict(), visual=dict()))
    model = dict(student=student, teacher=teacher, data_preprocessor=preprocessor, losses=losses)
    return Config(dict(model=dict(type='CrossModalDistiller', **{**model, **more})))


def generated():
    inputs, samples = batch(BOTH, BOTH, BOTH)
    inputs['visual'] = torch.randn(3, 3, 65, 33)
    return {'inputs': {name: list(x) for name, x in inputs.items()}, 'data_samples': samples}


def checked(cfg):
    found = Findings('a.py')
    return check_apart(cfg, generated(), found), found.mistakes


def test_each_loss_is_tried_by_itself_and_the_good_ones_stay():
    feat = dict(type='FeatureMSELoss')
    rest, mistakes = checked(
        config(
            dict(
                good=dict(feat, on='feat'),
                shaped=dict(feat, on='map'),
                nowhere=dict(feat, on='backbone.layer9'),
                several=dict(feat, on='stages'),
                wide=dict(feat, on='feat', connector=dict(type='Projection', in_channels=7, out_channels=512)),
                untapped=feat,
            )
        )
    )
    assert list(rest.model.losses) == ['good']
    assert len(mistakes) == 6
    shown = '\n'.join(mistakes)
    assert "names no tap: add on='feat'" in shown
    assert "model.losses.nowhere, student: Classifier has no tap 'backbone.layer9': the nearest modules are" in shown
    assert 'model.losses.nowhere, teacher: Classifier has no tap' in shown
    assert 'model.losses.shaped: student feature (3, 512, 3, 2) and teacher feature' in shown
    assert "add connector=dict(type='Resize') to the loss" in shown
    assert "its tap 'stages' reads several" in shown
    assert 'Projection adapts one feature of 7 channels, it got (3, 512); of the taps alone the shapes are' in shown


def test_both_models_are_built_whatever_the_other_does():
    broken = dict(type='Classifier', backbone=dict(type='ResNet18', in_channels='x'), num_classes=5)
    rest, mistakes = checked(
        config({}, student=dict(modality='visual', model=broken), teacher=dict(modality='audio', model=broken))
    )
    assert rest is None
    assert [mistake.partition(':')[0] for mistake in mistakes] == ['model.student.model', 'model.teacher.model']


def test_a_model_that_does_not_take_its_input_says_which():
    losses = dict(feat=dict(type='FeatureMSELoss', on='feat'))
    rest, mistakes = checked(config(losses, teacher=part('audio', 3, checkpoint=None)))
    assert mistakes == [
        'model.teacher: audio: the data give [1, 33, 33], ResNet18 needs [3, H, W]: set in_channels=1 of the backbone, '
        'or correct the data (Given groups=1, weight of size [64, 3, 7, 7], expected input[3, 1, 33, 33] to have 3 '
        'channels, but got 1 channels instead)'
    ]
    assert rest.model.type == 'SingleModality'


def test_a_model_that_fails_otherwise_says_how():
    class Fails(torch.nn.Module):
        def forward(self, *inputs, **more):
            raise ValueError('on the way\nand beyond')

    found = Findings('a.py')
    failing = Part('student', dict(modality='audio'), found)
    failing.network = Fails()
    inputs, samples = batch(BOTH, BOTH, BOTH)
    assert failing.read({}, {'inputs': inputs, 'data_samples': samples}) is None
    assert found.mistakes == ['model.student: does not run on audio (3, 1, 33, 33): ValueError: on the way']


def test_a_typo_in_a_network_is_not_hidden_by_what_its_first_layer_would_say():
    class Fails(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Conv2d(3, 4, 1)

        def forward(self, *inputs, **more):
            raise AttributeError('a typo in my own network')

    found = Findings('a.py')
    failing = Part('student', dict(modality='audio'), found)
    failing.network = Fails()
    inputs, samples = batch(BOTH, BOTH, BOTH)
    assert failing.read({}, {'inputs': inputs, 'data_samples': samples}) is None
    [mistake] = found.mistakes
    assert mistake.endswith('does not run on audio (3, 1, 33, 33): AttributeError: a typo in my own network')


#: A loss that cannot be built, whatever it is given.
UNBUILDABLE = dict(type='FDKDLoss', on='feat', decoupler=dict(type='FourierDecoupler', cutoff=7.0))


def test_what_an_assumed_shape_may_cause_is_a_note():
    losses = dict(
        shaped=dict(type='FeatureMSELoss', on='map'), untapped=dict(type='FeatureMSELoss'), unbuildable=UNBUILDABLE
    )
    found = Findings('a.py', assumed={'audio': [1, 33, 33]})
    check_apart(config(losses), generated(), found)
    assert [mistake.partition(':')[0] for mistake in found.mistakes] == [
        'model.losses.untapped', 'model.losses.unbuildable',
    ]  # fmt: skip
    assert found.notes[0].startswith('model.losses.shaped: student feature (3, 512, 3, 2) and teacher feature')
    assert found.notes[0].endswith('(with audio [1, 33, 33], which is assumed)')


def test_a_loss_is_built_where_nothing_is_run():
    found = Findings('a.py')
    check_apart(config(dict(unbuildable=UNBUILDABLE)), None, found)
    [mistake] = found.mistakes
    assert mistake.startswith('model.losses.unbuildable: ')


def test_a_modality_that_cannot_be_prepared_is_told_and_the_other_run():
    cfg = config(dict(feat=dict(type='FeatureMSELoss', on='feat')))
    cfg.model.data_preprocessor.modalities.visual = dict(mean=[1.0, 2.0], std=[1.0, 1.0])
    found = Findings('a.py', assumed={'audio': [1, 33, 33]})
    assert check_apart(cfg, generated(), found) is None
    [mistake] = found.mistakes
    assert mistake.startswith('model.data_preprocessor: a batch of the shape (3, 3, 65, 33) cannot be normalised by 2')


def test_other_classes_leave_the_student_alone():
    teacher = part('audio', 1, checkpoint=None)
    teacher['model'] = {**teacher['model'], 'num_classes': 9}
    rest, mistakes = checked(config({}, teacher=teacher))
    assert mistakes == ['model.teacher: knows 9 classes, the student 5']
    assert (rest.model.type, rest.model.modality) == ('SingleModality', 'visual')


def test_a_checkpoint_that_does_not_fit_is_a_mistake_of_its_own(tmp_path):
    torch.save({'state_dict': {'head.weight': torch.ones(5, 512)}}, tmp_path / 'teacher.pth')
    losses = dict(feat=dict(type='FeatureMSELoss', on='feat'))
    rest, mistakes = checked(config(losses, teacher=part('audio', 1, checkpoint=str(tmp_path / 'teacher.pth'))))
    assert len(mistakes) == 1
    assert mistakes[0].startswith('model.teacher.checkpoint: ')
    assert rest.model.teacher.checkpoint is None


@pytest.mark.parametrize(
    ('student', 'teacher', 'advice'),
    [
        ((4, 8), (4, 8), ''),
        ((4, 8), (4, 6), "add connector=dict(type='Projection', in_channels=8, out_channels=6) to the loss"),
        ((4, 8, 3, 3), (4, 8, 5, 2), "add connector=dict(type='Resize') to the loss"),
        ((4, 8), (4, 8, 5, 2), ''),
    ],
)
def test_missing_connector(student, teacher, advice):
    assert missing_connector(torch.ones(student), torch.ones(teacher)) == advice


def test_missing_connector_of_lists():
    student, teacher = (
        [torch.ones(4, 8, 3, 3), torch.ones(4, 9, 2, 2)],
        [torch.ones(4, 8, 4, 4), torch.ones(4, 9, 2, 2)],
    )
    assert missing_connector(student, teacher) == "add connector=dict(type='Resize') to the loss"
