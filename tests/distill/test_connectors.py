"""The projection against a linear layer and a 1x1 convolution with the same weights."""

import pytest
import torch
from torch import nn

from fdkd.distill.connectors import Projection
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
