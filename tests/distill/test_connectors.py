"""Resizing by hand, and the projection against a linear layer and a 1x1 convolution with the same weights."""

import pytest
import torch
from torch import nn

from fdkd.distill.connectors import Projection, Resize
from fdkd.errors import LossError
from fdkd.registry import CONNECTORS


@pytest.fixture
def projection():
    torch.manual_seed(0)
    return CONNECTORS.build(dict(type='Projection', in_channels=4, out_channels=3)).double()


@pytest.mark.parametrize('shape', [(2, 4), (2, 5, 4)])
def test_equals_a_linear_layer_on_the_last_dimension(projection, shape):
    linear = nn.Linear(4, 3, bias=False).double()
    linear.load_state_dict(projection.linear.state_dict())
    x = torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(projection(x), linear(x))


def test_equals_a_1x1_convolution_on_maps(projection):
    convolution = nn.Conv2d(4, 3, 1, bias=False).double()
    convolution.weight.data = projection.linear.weight.data[:, :, None, None].clone()
    x = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(projection(x), convolution(x))
    pixel = projection(x[:, :, 1, 2])  # the same map for one pixel as for a vector
    torch.testing.assert_close(projection(x)[:, :, 1, 2], pixel)


@pytest.mark.parametrize('shape', [(2, 4), (1, 2, 4), (1, 4, 2, 2)])
def test_gradient(projection, shape):
    x, weight = torch.randn(shape, dtype=torch.float64), projection.linear.weight.detach().clone()
    inputs = (x.requires_grad_(), weight.requires_grad_())
    call = torch.func.functional_call
    assert torch.autograd.gradcheck(lambda x, weight: call(projection, {'linear.weight': weight}, (x,)), inputs)


def test_its_weights_are_learnt_and_there_is_no_offset():
    projection = Projection(4, 3)
    assert [tuple(p.shape) for p in projection.parameters() if p.requires_grad] == [(3, 4)]
    assert projection(torch.zeros(2, 4)).count_nonzero() == 0


def test_larger_maps_are_averaged_and_smaller_ones_repeated():
    resize = CONNECTORS.build(dict(type='Resize'))
    student = torch.tensor([[[[1.0, 3.0], [5.0, 7.0], [2.0, 4.0], [0.0, 8.0]]]])  # 4x2
    assert resize(student, torch.zeros(1, 9, 2, 1)).tolist() == [[[[4.0], [3.5]]]]
    assert resize(student[:, :, :1], torch.zeros(1, 9, 2, 4)).tolist() == [[[[1, 1, 3, 3], [1, 1, 3, 3]]]]


def test_a_map_of_the_right_size_is_not_copied():
    student = torch.randn(2, 3, 4, 5)
    assert Resize()(student, torch.zeros(2, 7, 4, 5)) is student


@pytest.mark.parametrize(
    ('student', 'teacher', 'message'),
    [
        (torch.zeros(2, 3), torch.zeros(2, 3, 4, 4), r'it got \(2, 3\) and \(2, 3, 4, 4\)'),
        (torch.zeros(2, 3, 4, 4), torch.zeros(2, 3), r'it got \(2, 3, 4, 4\) and \(2, 3\)'),
        ([torch.zeros(2, 3, 4, 4)] * 2, [torch.zeros(2, 3, 4, 4)], r'it got \[\(2, 3, 4, 4\), \(2, 3, 4, 4\)\] and \['),
        ([torch.zeros(2, 3, 4, 4)] * 2, torch.zeros(2, 3, 4, 4), 'as many others'),
    ],
)
def test_what_has_no_sizes_to_match_is_named(student, teacher, message):
    with pytest.raises(LossError, match=message):
        Resize()(student, teacher)


@pytest.mark.parametrize('student', [torch.zeros(2, 5), torch.zeros(2, 5, 3, 3), [torch.zeros(2, 4)]])
def test_what_the_projection_does_not_fit_is_named(student, projection):
    with pytest.raises(LossError, match=r'one feature of 4 channels, it got \[?\(2, '):
        projection(student)


def test_each_map_of_a_list_meets_its_counterpart():
    maps = [torch.ones(1, 1, 4, 4), torch.ones(1, 2, 2, 2)]
    resized = Resize()(maps, [torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 3, 1)])
    assert [tuple(x.shape) for x in resized] == [(1, 1, 2, 2), (1, 2, 3, 1)]
