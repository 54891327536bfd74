"""Where values that are not finite begin."""

import math

import pytest
import torch
from torch import nn

from fdkd.engine.nonfinite.trace import find_function, is_finite, tensors, traced


class Part(nn.Module):
    """Some function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def trace_of(*parts, x):
    model = nn.Sequential(*parts)
    with traced(dict(model.named_modules(prefix='net'))) as trace, torch.autograd.set_detect_anomaly(True):
        find_function(model(x).sum(), trace)
    return trace


@pytest.mark.filterwarnings('ignore:Anomaly Detection')
def test_the_first_module_with_such_an_output_its_inputs_and_how_many_came_before():
    trace = trace_of(nn.Linear(2, 2), Part(lambda x: [x, x / 0]), Part(lambda x: x[1]), x=torch.tensor([[3.0, -4.0]]))
    assert trace.first[:3] == ('net.1', 'Part', True)
    assert trace.modules == 1
    assert trace.first.largest > 0
    spoilt = trace_of(nn.Linear(2, 2), x=torch.tensor([[3.0, math.inf]]))
    assert spoilt.first == ('net.0', 'Linear', False, 3.0)
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, math.nan)
    assert trace_of(layer, x=torch.ones(1, 1)).first == ('net.0', 'Linear', False, 1.0)


@pytest.mark.filterwarnings('ignore:Anomaly Detection')
def test_a_finite_step_shows_nothing():
    trace = trace_of(nn.Linear(2, 2), nn.ReLU(inplace=True), x=torch.ones(1, 2))
    assert (trace.first, trace.gradient, trace.function, trace.modules) == (None, None, '', 3)


@pytest.mark.filterwarnings('ignore:Anomaly Detection')
def test_the_function_that_gives_the_first_nan_of_a_gradient_with_its_line():
    trace = trace_of(nn.Linear(1, 1), Part(lambda x: (x * 0).square().sqrt()), nn.Identity(), x=torch.ones(1, 1))
    assert trace.first is None
    assert trace.function.startswith('PowBackward0, of engine/nonfinite/test_trace.py, line ')
    assert trace.function.endswith('(<lambda>)')
    assert trace.before_it == 'net.1'


@pytest.mark.filterwarnings('ignore:Anomaly Detection')
def test_an_infinite_gradient_is_found_between_two_modules():
    trace = trace_of(nn.Linear(1, 1), Part(lambda x: x * 0), Part(lambda x: x.sqrt()), x=torch.ones(1, 1))
    assert trace.first is None
    assert (trace.gradient, trace.before_it) == ('net.1', 'net.2')


@pytest.mark.filterwarnings('ignore:Anomaly Detection')
def test_other_errors_of_a_backward_pass_pass():
    with pytest.raises(RuntimeError, match='does not require grad'):
        trace_of(nn.Identity(), x=torch.ones(1))


def test_tensors_of_numbers_that_can_be_infinite_are_found_in_anything():
    one, two = torch.ones(1), torch.tensor([math.inf])
    assert list(tensors([{'a': (one, 3)}, torch.tensor(1), [two]])) == [one, two]
    assert is_finite({'a': one, 'b': 'x'})
    assert not is_finite([one, [two]])
