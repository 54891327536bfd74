"""Batch norms that take a lone row."""

import pytest
import torch
from torch import nn

from fdkd.distill.norm import BatchNorm1d, BatchNorm2d

CASES = [(BatchNorm1d, nn.BatchNorm1d, (4, 3)), (BatchNorm2d, nn.BatchNorm2d, (2, 3, 2, 2))]


@pytest.mark.parametrize(('ours', 'theirs', 'shape'), CASES)
def test_several_values_a_channel_are_normalised_as_by_torch(ours, theirs, shape):
    x, ours, theirs = torch.randn(shape), ours(3), theirs(3)
    assert ours(x).equal(theirs(x))
    assert ours.running_mean.equal(theirs.running_mean)
    assert ours.eval()(x).equal(theirs.eval()(x))


@pytest.mark.parametrize(('ours', 'theirs', 'shape'), CASES)
def test_a_lone_value_passes_by_the_running_averages_and_leaves_them(ours, theirs, shape):
    norm, x = ours(3), torch.randn(1, 3, *[1] * (len(shape) - 2))
    norm.running_mean.copy_(torch.tensor([1.0, 2, 3]))
    norm.running_var.copy_(torch.tensor([4.0, 1, 9]))
    shift, scale = (v.view(x.shape) for v in (norm.running_mean.clone(), norm.running_var.sqrt()))
    torch.testing.assert_close(norm(x), (x - shift) / scale, rtol=1e-4, atol=0)
    assert norm.running_mean.tolist() == [1, 2, 3]


def test_a_lone_map_of_several_positions_trains():
    norm = BatchNorm2d(3)
    norm(torch.randn(1, 3, 2, 2))
    assert norm.running_mean.any()
