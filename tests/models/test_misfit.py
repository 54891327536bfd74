"""What a network's first layer takes, and the line about an input that it does not take."""

import pytest
import torch
from torch import nn

from fdkd.models import Classifier, MobileNetV2, ResNet18, VectorMLP
from fdkd.models.misfit import expected_input, misfit
from fdkd.models.torchvision_model import TorchvisionModel


class Own(nn.Module):
    """A network whose first layer is not what it begins with."""

    def __init__(self, *layers):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.layers = nn.Sequential(*layers)


@pytest.mark.parametrize(
    ('network', 'expected'),
    [
        (ResNet18(in_channels=2), (2, 'H', 'W')),
        (Classifier(MobileNetV2(), num_classes=3), (3, 'H', 'W')),
        (VectorMLP(in_channels=24), (24,)),
        (Own(nn.Dropout(), nn.BatchNorm1d(6), nn.Linear(6, 2), nn.Conv2d(1, 1, 1)), (6,)),
        (Own(nn.LayerNorm(6), nn.Conv1d(6, 2, 3)), (6, 'L')),
        (nn.Conv3d(4, 2, 3), (4, 'T', 'H', 'W')),
        (Own(nn.Embedding(9, 2), nn.Linear(2, 2)), None),
        (Own(nn.GRU(6, 2), nn.Linear(2, 2)), None),
        (Own(nn.LazyLinear(2)), None),
        (nn.utils.parametrizations.weight_norm(nn.Conv1d(6, 2, 3)), (6, 'L')),
        (nn.ReLU(), None),
    ],
)
def test_the_first_layer_says_what_a_network_takes(network, expected):
    assert expected_input(network) == expected


class Model(nn.Module):
    """A backbone as a model of one modality."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return self.backbone(inputs)


class Late(nn.Module):
    """A network of one's own that names its head before the layer that runs first."""

    def __init__(self, first=None, change=None, fails=None):
        super().__init__()
        self.head, self.change, self.fails = nn.Linear(4, 2), change or nn.Identity(), fails
        self.passes = 0
        self.first = nn.Conv2d(1, 4, 3) if first is None else first

    def forward(self, inputs, data_samples=None, mode='tensor'):
        x = self.first(self.change(inputs))
        self.passes += 1
        if self.fails is not None:
            raise self.fails
        return self.head(x.mean((2, 3)))


def said(network, *shape):
    """What :func:`misfit` says of the error that the network raises, or of one that another layer may raise."""
    inputs = torch.zeros(2, *shape)
    try:
        network(inputs, None, mode='tensor')
    except Exception as error:
        return misfit(network, 'imu', inputs, error)
    return misfit(network, 'imu', inputs, RuntimeError('mat1 and mat2 shapes cannot be multiplied (2x7 and 8x9)'))


@pytest.mark.parametrize(
    ('network', 'shape', 'line'),
    [
        (
            Classifier(ResNet18(in_channels=1), num_classes=3),
            (24,),
            "imu: the data give vectors [24], ResNet18 needs [1, H, W]: use a backbone for vectors (type='VectorMLP', "
            'in_channels=24), or correct the data (Expected 3D',
        ),
        (
            Model(nn.Conv1d(6, 2, 3)),
            (1, 6, 20),
            'imu: the data give [1, 6, 20], Conv1d needs [6, L]: use a backbone for inputs of 3 dimensions, or correct '
            'the data (Expected 2D',
        ),
        (
            Model(ResNet18(in_channels=3)),
            (8, 3, 48, 64),
            'imu: the data give [8, 3, 48, 64], ResNet18 needs [3, H, W]: use a backbone for inputs of 4 dimensions, '
            'or correct the data (Expected 3D',
        ),
        (
            Model(ResNet18(in_channels=1)),
            (6, 20, 30),
            'imu: the data give [6, 20, 30], ResNet18 needs [1, H, W]: set in_channels=6 of the backbone, or correct '
            'the data (Given groups=1',
        ),
        (
            Classifier(ResNet18(in_channels=1), num_classes=3),
            (5, 6, 20, 30),
            'imu: the data give [5, 6, 20, 30], ResNet18 needs [1, H, W]: set in_channels=6 of the backbone, or '
            'correct the data (Given groups=1',
        ),
        (
            Model(ResNet18(in_channels=6)),
            (6, 20),
            'imu: the data give [6, 20], ResNet18 needs [6, H, W]: use a backbone for inputs of 2 dimensions, or '
            'correct the data (Given groups=1',
        ),
        (
            Model(VectorMLP(in_channels=24)),
            (6,),
            'imu: the data give vectors [6], VectorMLP needs vectors [24]: set in_channels=6 of the backbone, or '
            'correct the data (mat1 and mat2 shapes cannot be multiplied (2x6 and 24x512))',
        ),
        (
            Model(VectorMLP(in_channels=24)),
            (1, 6, 20),
            'imu: the data give [1, 6, 20], VectorMLP needs vectors [24]: set in_channels=20 of the backbone, or '
            'correct the data (mat1',
        ),
        (
            Model(nn.Sequential(nn.Flatten(), nn.Linear(120, 2))),
            (1, 6, 25),
            'imu: the data give [1, 6, 25], Sequential needs vectors [120]: set in_channels=150 of the backbone, or '
            'correct the data (mat1',
        ),
        (
            Late(),
            (3, 20, 30),
            'imu: the data give [3, 20, 30], Late needs [1, H, W]: use a model for 3 channels, or correct the data (',
        ),
        (
            TorchvisionModel('resnet18', num_classes=3),
            (2, 32, 32),
            'imu: the data give [2, 32, 32], torchvision model resnet18 needs [3, H, W]: use a model for 2 channels, '
            'or correct the data (Given groups=1',
        ),
    ],
)
def test_the_line_says_what_came_what_is_needed_and_what_to_do(network, shape, line):
    assert said(network, *shape).startswith(line)


@pytest.mark.parametrize(
    ('network', 'shape'),
    [
        (Model(ResNet18(in_channels=3)), (3, 32, 32)),
        (Classifier(ResNet18(in_channels=3), num_classes=3), (8, 3, 32, 32)),  # frames
        (TorchvisionModel('resnet18', num_classes=3), (1, 32, 32)),  # a channel that is shown to all three
        (Model(VectorMLP(in_channels=24)), (24,)),
        (Model(VectorMLP(in_channels=24)), (1, 6, 24)),
        (Model(nn.Sequential(nn.Flatten(), nn.Linear(120, 2))), (1, 6, 20)),
        (Late(), (1, 20, 30)),  # whose head is listed first
    ],
)
def test_of_what_a_network_takes_nothing_is_said_whatever_failed(network, shape):
    assert said(network, *shape) is None


@pytest.mark.parametrize(
    ('network', 'shape'),
    [
        (Late(fails=AttributeError('a typo')), (1, 20, 30)),
        (Late(first=nn.Linear(7, 4), fails=RuntimeError('channels, but got')), (1, 20, 7)),
        (Late(first=nn.Conv1d(1, 4, 3), change=nn.Unflatten(1, (1, 1))), (1, 160)),  # it is not given what came
        (Late(first=nn.Conv2d(1, 4, 3), change=nn.Conv2d(2, 3, 1)), (2, 20, 30)),  # its second layer
        (Late(first=nn.GRU(5, 4)), (6, 7)),
        (Model(nn.Linear(24, 2)), ()),
    ],
)
def test_a_failure_elsewhere_is_left_as_it_is(network, shape):
    with pytest.raises((AttributeError, RuntimeError)):
        network(torch.zeros(2, *shape))
    assert said(network, *shape) is None


def test_the_error_of_another_network_is_not_taken_for_its_own():
    other = RuntimeError('Given groups=1, expected input[2, 512, 3, 2] to have 7 channels, but got 512 instead')
    inputs = torch.zeros(2, 3, 20, 30)
    assert misfit(Late(), 'imu', inputs, other) is None
    with pytest.raises(RuntimeError) as caught:
        Late()(inputs)
    assert misfit(Late(), 'imu', inputs, caught.value) is not None
    assert misfit(Late(), 'imu', inputs, AttributeError(str(caught.value))) is None


def test_what_comes_after_the_first_layer_is_not_run_again():
    network = Late()
    assert said(network, 1, 20, 30) is None
    assert network.passes == 1


def test_the_second_look_changes_nothing():
    network = Late(change=nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(), nn.Identity()))
    network.change[2].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    inputs = torch.ones(2, 3, 20, 30)
    with pytest.raises(RuntimeError) as caught:
        Late()(inputs)
    state = torch.get_rng_state()
    assert misfit(network, 'imu', inputs, caught.value) is not None
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert [network.training, network.change[0].training, network.change[2].training] == [True, True, False]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
