"""Bytes that are kept for the backward pass, counted by hand."""

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from fdkd.check.memory import KeptForBackward, estimate, parameter_counts


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = nn.Linear(8, 4)
        self.connector = nn.Linear(4, 2, bias=False)
        teacher = nn.Linear(8, 4).requires_grad_(False)
        self.networks = {'student': ('a', self.student), 'teacher': ('b', teacher)}  # a frozen one is no part of it


def test_each_tensor_counts_once_and_weights_do_not():
    pair, x = Pair(), torch.randn(10, 8)
    with KeptForBackward(pair) as kept:
        hidden = pair.student(x)  # keeps x: 10 * 8
        loss = (hidden * hidden.exp()).sum()  # keeps hidden once and its exponential once: 2 * 10 * 4
    assert kept.bytes == 4 * (80 + 40 + 40)
    loss.backward()


def test_nothing_is_kept_without_gradients():
    pair = Pair()
    with KeptForBackward(pair) as kept, torch.no_grad():
        pair.student(torch.randn(10, 8))
    assert kept.bytes == 0


def test_parameters_by_role():
    assert parameter_counts(Pair()) == {
        'student': {'total': 36, 'trainable': 36},
        'teacher': {'total': 36, 'trainable': 0},
        'losses': {'total': 8, 'trainable': 8},
    }


def test_estimate_adds_weights_gradients_and_state():
    pair = Pair()
    wrapper = OptimWrapper(torch.optim.Adam(pair.parameters()))
    wrapper.update_params(pair.connector(pair.student(torch.randn(10, 8))).sum())
    found = estimate(pair, wrapper, 1000.4)
    steps = 3  # Adam keeps a counter beside the two moments of each of three tensors
    expected = {'weights': 4 * 80, 'gradients': 4 * 44, 'optimizer': 4 * (2 * 44 + steps), 'activations': 1000}
    assert found == {**expected, 'total': sum(expected.values())}
