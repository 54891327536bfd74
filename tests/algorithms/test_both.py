"""What both models share that train side by side: whose losses, which rows, and what is left behind."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn
from torch.nn.functional import cross_entropy

from fdkd.algorithms.both import BothTrain
from tests.support.pairs import ALONE, BOTH, batch, feature, network


class Gap(BothTrain):
    """Compares the scaled mean features, and keeps the labels that it got."""

    def __init__(self, student, teacher):
        super().__init__(student, teacher)
        self.read_at({'feat': 'feature'}, {'feat': 'feature'})
        self.scale = nn.Parameter(torch.tensor(2.0))

    def exchange(self, student, teacher, target):
        self.target = target
        return {'gap.loss': self.scale * (student['feat'].mean() - teacher['feat'].mean()).square()}


def both():
    torch.manual_seed(0)
    teacher = dict(modality='visual', model=network(3), checkpoint=None)
    return Gap(dict(modality='audio', model=network(1)), teacher).eval()


def test_the_exchange_gets_the_rows_and_labels_of_the_pairs():
    model = both()
    inputs, samples = batch(BOTH, ALONE, BOTH)
    losses = model(inputs, samples, mode='loss')
    with torch.no_grad():
        ours, theirs = feature(model.student, inputs['audio'])[::2], feature(model.teacher, inputs['visual'])
        tasks = [
            cross_entropy(model.student(inputs['audio']), torch.tensor([0, 1, 2])),
            cross_entropy(model.teacher(inputs['visual']), torch.tensor([0, 2])),
        ]
    assert model.target.tolist() == [0, 2]
    assert losses['gap.loss'].item() == pytest.approx(2 * (ours.mean() - theirs.mean()).square().item(), rel=1e-4)
    assert [losses[name].item() for name in ('loss_ce', 'teacher.loss_ce')] == pytest.approx(
        [task.item() for task in tasks], rel=1e-5
    )


def test_what_passes_between_the_models_has_to_be_said():
    with pytest.raises(TypeError, match='exchange'):
        BothTrain(dict(modality='audio', model=network(1)), dict(modality='visual', model=network(3), checkpoint=None))


def test_a_batch_of_one_trains_both():
    model = both().train()
    model(*batch(BOTH), mode='loss')
    assert model.teacher.backbone.bn1.num_batches_tracked == 1


@pytest.mark.parametrize('present', [(ALONE, ALONE), (ALONE, BOTH)])
def test_a_batch_with_too_few_pairs_touches_every_parameter(present):
    model = both()
    losses = model.train()(*batch(*present), mode='loss')
    assert set(losses) == {'loss_ce', 'pairs.loss_none'}
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters())
    assert not any(p.grad.any() for p in model.teacher.parameters())


def test_one_optimizer_steps_both_and_both_are_left_behind():
    model = both()
    optimizer = build_optim_wrapper(model, {'optimizer': {'type': 'SGD', 'lr': 0.1}}).optimizer
    stepped = {id(p) for group in optimizer.param_groups for p in group['params']}
    assert {id(p) for p in (*model.student.parameters(), *model.teacher.parameters())} <= stepped
    assert model.trained == {'student': ('audio', model.student), 'teacher': ('visual', model.teacher)}


def test_prediction_needs_the_students_modality_alone():
    model = both()
    inputs, samples = batch(ALONE)
    predicted = model({'audio': inputs['audio']}, samples, mode='predict')
    assert predicted[0].pred_label == model.student(inputs['audio']).argmax(1)[0]
