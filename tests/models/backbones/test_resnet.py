"""ResNet-18 against torchvision's, from other numbers of channels, and how it starts."""

import pytest
import torch
import torchvision
from torch import nn

from fdkd.models import ImageNetInit, ResNet18


@pytest.fixture(scope='module')
def trunk():
    torch.manual_seed(0)
    return torchvision.models.resnet18().eval()


def test_its_activation_completes_torchvisions_network(trunk):
    backbone = ResNet18().eval()
    backbone.load_state_dict({name: x for name, x in trunk.state_dict().items() if not name.startswith('fc.')})
    images = torch.randn(1, 3, 50, 64, generator=torch.Generator().manual_seed(1))
    before = backbone(images)
    expected = nn.Sequential(*list(trunk.children())[:-2])(images)
    assert (before < 0).any()
    torch.testing.assert_close(backbone.activation(before), expected)
    assert before.shape == (1, backbone.channels, 2, 2)


def test_the_activation_leaves_the_feature_as_it_was():
    backbone = ResNet18().eval()
    before = backbone(torch.randn(1, 3, 32, 32))
    kept = before.clone()
    backbone.activation(before)
    assert torch.equal(before, kept)


def test_imagenet_weights_of_torchvision_fit_without_their_classifier(trunk, tmp_path):
    torch.save(trunk.state_dict(), tmp_path / 'resnet18.pth')
    backbone = ResNet18()
    ImageNetInit('resnet18', str(tmp_path / 'resnet18.pth'))(backbone)
    expected = trunk.state_dict()
    loaded = backbone.state_dict()
    assert set(expected) - set(loaded) == {'fc.weight', 'fc.bias'}
    assert all(torch.equal(value, expected[name]) for name, value in loaded.items())


@pytest.mark.parametrize(('channels', 'size'), [(1, (33, 47)), (6, (40, 8))])
def test_spectrograms_and_arrays_of_sensors(channels, size):
    backbone = ResNet18(in_channels=channels).eval()
    rows, columns = (-(-length // 32) for length in size)
    assert backbone(torch.randn(2, channels, *size)).shape == (2, 512, rows, columns)


def test_every_convolution_starts_kaiming_normal():
    torch.manual_seed(0)
    for name, module in ResNet18(in_channels=1).named_modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.06), name
