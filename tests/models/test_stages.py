"""Where the stages of a network of another library end."""

import torch
from torch import nn

from fdkd.models.stages import before_last_relus, quarters, recorded, some_of


def test_the_last_tensor_at_a_place_is_recorded_and_the_hooks_go():
    network = nn.Sequential(nn.ReLU(), nn.Flatten())
    with recorded(network, ['0', '1:input']) as found:
        network(torch.tensor([[-1.0]]))
        network(torch.tensor([[2.0]]))
    assert found['0'].item() == found['1:input'].item() == 2
    network(torch.tensor([[5.0]]))
    assert found['0'].item() == 2


def test_a_resnets_relus_no_longer_overwrite_what_is_read():
    from torchvision.models import resnet18, resnet50

    for network, last in ((resnet18(), 1), (resnet50(), 2)):
        assert before_last_relus(network)[-1] == f'layer4.{last}.relu:input'
        assert not network.layer4[last].relu.inplace
    assert before_last_relus(nn.Sequential()) == []


def test_stages():
    assert quarters(12) == [2, 5, 8, 11]
    assert quarters(5) == [0, 1, 2, 4]
    assert quarters(2) == [0, 1]
    assert some_of(6) == [2, 3, 4, 5]
    assert some_of(3) == [0, 1, 2]
