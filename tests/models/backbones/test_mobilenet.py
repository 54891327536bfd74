"""MobileNetV2 against torchvision's."""

import pytest
import torch
import torchvision
from torch import nn

from fdkd.distill.taps import TapReader
from fdkd.errors import CheckpointError
from fdkd.models import Classifier, ImageNetInit, MobileNetV2


@pytest.fixture(scope='module')
def trunk():
    torch.manual_seed(0)
    model = torchvision.models.mobilenet_v2(num_classes=5)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 1.0, 3.0)
            nn.init.normal_(module.bias)
    return model.eval()


@pytest.fixture(scope='module')
def file(trunk, tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'mobilenet_v2.pth'
    torch.save(trunk.state_dict(), path)
    return str(path)


def test_imagenet_weights_of_torchvision_fit_without_their_classifier(trunk, file):
    backbone = MobileNetV2()
    ImageNetInit('mobilenet_v2', file)(backbone)
    expected = trunk.state_dict()
    loaded = backbone.state_dict()
    assert set(expected) - set(loaded) == {'classifier.1.weight', 'classifier.1.bias'}
    assert all(torch.equal(value, expected[name]) for name, value in loaded.items())


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(torchvision.models.resnet18().state_dict(), tmp_path / 'resnet18.pth')
    with pytest.raises(CheckpointError, match=r'resnet18.pth: not ImageNet weights of this backbone'):
        ImageNetInit('mobilenet_v2', str(tmp_path / 'resnet18.pth'))(MobileNetV2())


def test_a_classifier_equals_torchvisions_and_its_feature_comes_before_the_last_relu6(trunk, file):
    model = Classifier(dict(type='MobileNetV2'), num_classes=5).eval()
    ImageNetInit('mobilenet_v2', file)(model.backbone)
    model.head.load_state_dict(trunk.classifier[1].state_dict())
    images = torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))
    logits, taps = TapReader(model, model.named_features).run(model, images)
    torch.testing.assert_close(logits, trunk(images))
    x = images
    for block in list(trunk.features)[:18]:
        x = block(x)
    convolution, norm, relu6 = trunk.features[18]
    before = norm(convolution(x))
    assert not torch.equal(relu6(before.clone()), before)
    torch.testing.assert_close(taps['feat'], before.mean((2, 3)))
    assert taps['feat'].shape == (2, model.feature_channels) == (2, 1280)


def test_stages_are_the_last_maps_of_each_size():
    model = Classifier(dict(type='MobileNetV2'), num_classes=5).eval()
    stages = TapReader(model, model.named_features).run(model, torch.randn(1, 3, 64, 64))[1]['stages']
    assert [tuple(x.shape[1:]) for x in stages] == [(24, 16, 16), (32, 8, 8), (96, 4, 4), (1280, 2, 2)]
