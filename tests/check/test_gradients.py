"""What a step does not train."""

import torch
from torch import nn

from fdkd.check.findings import Findings
from fdkd.check.gradients import check_parameters, reaches


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.spare = nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        self.scale = nn.Parameter(torch.ones(1))
        self.frozen = nn.Linear(3, 3).requires_grad_(False)


def mistakes(network, loss, **settings):
    found = Findings('a.py')
    loss.backward()
    check_parameters(network, found, **settings)
    return found.mistakes


def test_untrained_parameters_are_grouped_by_part_and_frozen_ones_left_out():
    network = Network()
    lines = mistakes(network, network.used(torch.ones(2, 3)).sum())
    assert [line.partition(' no gradient')[0] for line in lines] == [
        'scale: 1 parameter gets',
        'spare: 4 parameters get',
    ]


def test_a_zero_gradient_is_none():
    network = Network()
    everything = network.spare(network.used(torch.ones(2, 3))).sum() * network.scale
    assert mistakes(network, everything) == []
    network = Network()
    lines = mistakes(network, (network.spare(network.used(torch.zeros(2, 3))) * network.scale).sum())
    assert [line.partition(':')[0] for line in lines] == ['used.weight']


def test_gradients_that_are_not_finite_are_named_unless_the_loss_is_scaled():
    for scaled, expected in ((False, ['Network']), (True, [])):
        network = Network()
        loss = (network.spare(network.used(torch.ones(2, 3))) * network.scale).sum() * float('inf')
        assert [line.partition(':')[0] for line in mistakes(network, loss, scaled=scaled)] == expected


def test_reaches_asks_the_features():
    feature, other = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    assert reaches([feature.sum()], [feature])
    assert reaches([other.sum(), feature.sum()], [feature])
    assert not reaches([0 * feature.sum()], [feature])
    assert not reaches([other.sum()], [feature])
    assert not reaches([feature.sum()], [feature.detach()])
    assert not reaches([], [feature])
