"""What is said of a step that is not finite."""

import math

import pytest
import torch
from torch import nn

from fdkd.engine.nonfinite.finding import Finding, at_fault, described, gradient_norms, not_finite, with_gradient

NAN = math.nan


def finding(loss, ids=('x',), iteration=7, gradients=(), **parts):
    return Finding(iteration, 2, list(ids), [0] * len(ids), {'loss': loss, **parts}, list(gradients), 9)


def test_one_process_says_what_and_whose():
    said = described([finding(NAN, ['0003', '0007'], **{'a.loss': 2.0})], ['Saved.'])
    assert said.startswith('the loss is not finite at iteration 7 (epoch 2): loss nan, a.loss 2; samples: 0003, 0007. ')
    assert 'Lower optim_wrapper.optimizer.lr' in said
    assert said.endswith('what was saved before is intact. Saved.')


def test_gradients_are_named_the_first_few_and_counted():
    said = described([finding(1.5, gradients='abcdef')], [''])
    assert said.startswith(
        'the gradients of 6 of 9 parameters are not finite at iteration 7 (epoch 2) (a, b, c, d, ...): loss 1.5; '
        'samples: x. '
    )
    assert said.endswith('intact.')
    assert '(a, b):' in described([finding(1.5, gradients='ab')], [''])


def test_the_ranks_whose_loss_it_is_are_at_fault_and_else_those_whose_gradients():
    assert at_fault([finding(1.0), finding(math.inf), finding(2.0), finding(NAN)]) == [1, 3]
    assert at_fault([finding(1.0, gradients='a'), finding(2.0, gradients='a')]) == [0, 1]
    assert at_fault([finding(1.0), finding(2.0, gradients='a')]) == [1]
    assert at_fault([finding(NAN), finding(2.0, gradients='a')]) == [0]


def test_of_several_ranks_those_at_fault_are_named_and_the_earliest_iteration():
    found = [finding(1.0), finding(NAN, 'u', 9), finding(NAN, 'v', 8)]
    said = described(found, ['', 'Saved 1.', 'Saved 2.'])
    assert 'at iteration 8 (epoch 2) on rank 1: loss nan; samples: u; on rank 2: loss nan; samples: v. ' in said
    assert said.endswith('Saved 1. Saved 2.')
    many = described([finding(NAN)] * 9, ['Saved.'] * 9)
    assert 'on rank 3' in many
    assert 'on rank 4' not in many
    assert '; and on 5 more ranks. ' in many
    assert many.count('Saved.') == 1


@pytest.mark.parametrize('value', [NAN, math.inf, -math.inf])
@pytest.mark.parametrize('exact', [True, False])
def test_a_norm_is_not_finite_where_a_value_is_not(value, exact):
    gradients = {'a': torch.ones(2, 3), 'b': torch.tensor([1.0, value]), 'c': torch.zeros(1, dtype=torch.bfloat16)}
    norms = gradient_norms(gradients, exact)
    assert norms.isfinite().tolist() == [True, False, True]
    assert norms[0] == pytest.approx(1.0 if exact else math.sqrt(6))
    assert not_finite(gradients) == ['b']


def test_only_the_exact_norm_holds_what_is_large():
    gradients = {'a': torch.full((4,), 1e30)}
    assert gradient_norms(gradients, exact=True).isfinite().all()
    assert not gradient_norms(gradients, exact=False).isfinite().any()
    assert not_finite(gradients) == []


def test_parameters_without_gradient_or_without_values_do_not_count():
    model = nn.ModuleDict({'one': nn.Linear(2, 1, bias=False), 'two': nn.Linear(2, 1), 'none': nn.Linear(0, 1)})
    model['one'](torch.ones(1, 2)).sum().backward()
    model['none'](torch.ones(1, 0)).sum().backward()
    assert list(with_gradient(model)) == ['one.weight', 'none.bias']
