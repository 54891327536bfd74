"""How the losses of a config meet the taps."""

import pytest
import torch
from torch import nn

from fdkd.distill.terms import DistillationTerms, tapped, untouched
from fdkd.errors import ConfigError, LossError
from fdkd.registry import DISTILL_LOSSES

FEAT = {'type': 'FeatureMSELoss', 'on': 'feat'}
FDKD = {'type': 'FDKDLoss', 'on': 'feat'}
SIZES = {'num_classes': 5, 'channels': 8}


def facts(key, tap):
    """What is known of a pair whose ``feat`` is 8 wide."""
    return SIZES.get(key) if tap == 'feat' else None


def features(width=8, rows=4, seed=0):
    return {'feat': torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))}


def test_each_loss_is_weighted_and_named():
    student, teacher = features(), features(seed=1)
    terms = DistillationTerms({'a': FEAT, 'b': dict(FEAT, weight=0.25)})
    losses = terms(student, teacher, None)
    distance = (student['feat'] - teacher['feat']).square().mean().item()
    assert losses['a.loss'].item() == pytest.approx(distance)
    assert losses['b.loss'].item() == pytest.approx(0.25 * distance)


def test_a_weight_rises_over_its_warm_up_and_stays():
    student, teacher = features(), features(seed=1)
    terms = DistillationTerms({'a': dict(FEAT, weight=6.0, warmup=3), 'b': FEAT})
    whole = terms(student, teacher, None)['b.loss'].item()
    for epoch, weight in enumerate((2, 4, 6, 6)):
        terms.epoch = epoch
        losses = terms(student, teacher, None)
        assert losses['a.loss'].item() == pytest.approx(weight * whole)
        assert losses['b.loss'].item() == pytest.approx(whole)


def test_a_connector_is_applied_to_the_student_alone():
    connector = {'type': 'Projection', 'in_channels': 3, 'out_channels': 2}
    terms = DistillationTerms({'a': dict(FEAT, connector=connector)})
    with torch.no_grad():
        terms.connectors['a'][0].linear.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 0, 2]]))
    losses = terms({'feat': torch.tensor([[1.0, 5, 3]])}, {'feat': torch.tensor([[0.0, 6]])}, None)
    assert losses['a.loss'].item() == pytest.approx(0.5)  # ((1 - 0)^2 + (6 - 6)^2) / 2


def test_sizes_are_filled_in_where_a_loss_takes_them_and_says_none():
    terms = DistillationTerms({'a': FDKD, 'b': dict(FDKD, num_classes=7)}, facts)
    assert terms.losses['a'].own['low'].linear.weight.shape == (5, 8)
    assert terms.losses['b'].own['low'].linear.weight.shape == (7, 8)


def test_what_is_unknown_is_left_to_the_loss():
    with pytest.raises(LossError, match='needs num_classes and channels'):
        DistillationTerms({'a': dict(FDKD, on='logits')}, facts)
    with pytest.raises(LossError, match='needs num_classes and channels'):
        DistillationTerms({'a': FDKD})


def test_what_a_loss_requires_is_filled_in_or_named():
    @DISTILL_LOSSES.register_module(name='ToldLoss', force=True)
    class ToldLoss(torch.nn.Module):
        def __init__(self, num_classes, channels):
            super().__init__()
            self.told = num_classes, channels

    @DISTILL_LOSSES.register_module(name='WideLoss', force=True)
    class WideLoss(torch.nn.Module):
        def __init__(self, student_channels):
            super().__init__()
            self.told = student_channels

    try:
        told = {'type': 'ToldLoss', 'on': 'feat'}
        assert DistillationTerms({'a': told}, facts).losses['a'].told == (5, 8)
        assert DistillationTerms({'a': dict(told, channels=3)}, facts).losses['a'].told == (5, 3)
        with pytest.raises(
            LossError, match=r"loss 'a' \(ToldLoss\) needs num_classes, channels, .* at 'logits': state"
        ):
            DistillationTerms({'a': dict(told, on='logits')}, facts)
        with pytest.raises(LossError, match='needs num_classes, channels, which the models do not tell'):
            DistillationTerms({'a': told})
        connector = {'type': 'Projection', 'in_channels': 6, 'out_channels': 4}  # which tells what no model does
        wide = {'type': 'WideLoss', 'on': 'logits', 'connector': connector}
        assert DistillationTerms({'a': wide}, facts).losses['a'].told == 4
    finally:
        DISTILL_LOSSES.module_dict.pop('ToldLoss')
        DISTILL_LOSSES.module_dict.pop('WideLoss')


@pytest.mark.parametrize('known', [facts, lambda key, tap: [8, 8]])
def test_a_list_is_no_feature_of_a_loss_on_tensors(known):
    losses, stages = {'a': dict(FDKD, on='stages', num_classes=5, align=False, band_task=False)}, [torch.zeros(2, 8)]
    with pytest.raises(LossError, match=r"the loss 'a' compares one tensor, and its tap 'stages' reads several"):
        DistillationTerms(losses, known)({'stages': stages}, {'stages': stages}, None)


def test_a_loss_is_told_the_width_that_its_connector_makes():
    connector = {'type': 'Projection', 'in_channels': 6, 'out_channels': 8}
    known = {'student_channels': 6, 'teacher_channels': 8, 'margins': -torch.ones(8)}
    terms = DistillationTerms(
        {'a': dict(type='OFDLoss', on='feat', connector=connector)}, lambda key, tap: known.get(key)
    )
    assert terms.losses['a'].channels == [(8, 8)]


def test_connectors_are_applied_in_turn_and_see_the_teacher():
    width = {'type': 'Projection', 'in_channels': 2, 'out_channels': 1}
    terms = DistillationTerms({'a': dict(FEAT, connector=[{'type': 'Resize'}, width])})
    with torch.no_grad():
        terms.connectors['a'][1].linear.weight.copy_(torch.tensor([[1.0, 10.0]]))
    student = torch.tensor([[[[1.0, 3.0]], [[0.0, 1.0]]]])  # averaged over its two positions: 2 and 0.5
    losses = terms({'feat': student}, {'feat': torch.full((1, 1, 1, 1), 4.0)}, None)
    assert losses['a.loss'].item() == pytest.approx((2 + 5 - 4) ** 2)


def test_the_taps_of_a_config_once_each():
    assert tapped({'a': FEAT, 'b': dict(FEAT, on='stages'), 'c': FEAT}) == ['feat', 'stages']


def test_without_pairs_every_parameter_is_touched_by_a_zero():
    terms = DistillationTerms({'a': FDKD}, facts)
    with torch.no_grad():
        terms.losses['a'].own['low'].linear.weight.fill_(float('inf'))  # a plain product with 0 would be NaN
    losses = untouched(terms)
    assert [value.item() for value in losses.values()] == [0.0]
    sum(losses.values()).backward()
    assert all(p.grad is not None and not p.grad.any() for p in terms.parameters())
    assert untouched(DistillationTerms({'a': FEAT})) == {}


def test_the_classifiers_of_the_losses_see_the_connected_feature():
    connector = {'type': 'Projection', 'in_channels': 6, 'out_channels': 8}
    terms = DistillationTerms({'a': dict(FDKD, connector=connector), 'b': FEAT}, facts)
    student = features(width=6)
    logits = terms.classify(student)
    low, high = terms.losses['a'].decoupler(terms.connectors['a'][0](student['feat']))
    assert tuple(logits) == terms.heads == ('a.low', 'a.high')
    torch.testing.assert_close(logits['a.low'], terms.losses['a'].own['low'](low))
    torch.testing.assert_close(logits['a.high'], terms.losses['a'].own['high'](high))


def test_dense_logits_are_compared_at_the_size_of_the_label_map():
    terms = DistillationTerms({'a': dict(FEAT, on='logits')})
    small = {'logits': torch.zeros(1, 2, 2, 2)}
    large = {'logits': torch.tensor([0.0, 4.0]).view(1, 1, 1, 2).expand(1, 2, 2, 2)}
    losses = terms(small, large, torch.zeros(1, 2, 4))
    # 0, 4 over four columns with half-pixel centres: 0, 1, 3, 4
    assert losses['a.loss'].item() == pytest.approx((0 + 1 + 9 + 16) / 4)


def test_a_loss_without_a_tap_is_named():
    with pytest.raises(ConfigError, match="the loss 'a' names no tap"):
        DistillationTerms({'a': {'type': 'FeatureMSELoss'}})


def test_a_part_that_would_be_dropped_is_refused():
    @DISTILL_LOSSES.register_module(name='MisnamedPart', force=True)
    class MisnamedPart(nn.Module):
        def forward(self, student, teacher, target):
            return {'distance': (student - teacher).abs().mean()}

    with pytest.raises(LossError, match=r"the loss 'a' returns \['distance'\]"):
        DistillationTerms({'a': {'type': 'MisnamedPart', 'on': 'feat'}})(features(), features(), None)
