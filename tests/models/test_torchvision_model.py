"""Networks of torchvision as models; what they give is compared with torchvision's own pass."""

import pytest
import torch
from torchvision.models import resnet18

from fdkd.distill.taps import TapReader
from fdkd.errors import CheckpointError, ConfigError
from fdkd.models.torchvision_model import TorchvisionModel


def read(model, x):
    model.eval()
    with torch.no_grad():
        return TapReader(model, model.named_features).run(model, x)[1], model.network(x)


def test_a_resnet_is_read_before_its_last_relu():
    torch.manual_seed(0)
    model = TorchvisionModel('resnet18', num_classes=7)
    found, logits = read(model, torch.randn(2, 3, 64, 64))
    assert found['logits'].equal(logits)
    pooled = found['map'].relu().mean((2, 3))
    torch.testing.assert_close(pooled @ model.network.fc.weight.T + model.network.fc.bias, logits)
    torch.testing.assert_close(found['feat'], found['map'].mean((2, 3)))
    assert [x.shape[1] for x in found['stages']] == [model.tap_widths[f'states.{n}'] for n in range(4)]


def test_a_network_of_another_build_has_a_map_and_what_its_classifier_reads():
    model = TorchvisionModel('squeezenet1_1', num_classes=7)
    found, logits = read(model, torch.randn(2, 3, 64, 64))
    assert found['logits'].equal(logits)
    assert found['map'].shape == (2, 512, 3, 3)
    assert found['feat'].shape == (2, 512)
    assert model.tap_widths['feat'] == 512


def test_a_segmentors_main_output_counts_and_its_feature_is_a_map():
    model = TorchvisionModel('lraspp_mobilenet_v3_large', num_classes=7)
    found, outputs = read(model, torch.randn(2, 3, 64, 64))
    assert found['logits'].equal(outputs['out'])
    assert found['logits'].shape == (2, 7, 64, 64)
    assert found['feat'] is found['map']
    assert found['map'].shape == (2, 960, 4, 4)


def test_weights_of_a_file_and_a_new_classifier_for_other_classes(tmp_path):
    own = resnet18().state_dict()
    torch.save(own, tmp_path / 'weights.pth')
    model = TorchvisionModel('resnet18', pretrained=str(tmp_path / 'weights.pth'))
    model.init_weights()
    assert (model.num_classes, model.head_is_new) == (1000, False)
    assert all(x.equal(own[name]) for name, x in model.network.state_dict().items())
    model = TorchvisionModel('resnet18', num_classes=7, pretrained=str(tmp_path / 'weights.pth'))
    model.init_weights()
    assert model.head_is_new
    assert model.network.conv1.weight.equal(own['conv1.weight'])
    assert model.stated.mean == pytest.approx((123.675, 116.28, 103.53))
    with pytest.raises(CheckpointError, match='does not fit ResNet'):
        TorchvisionModel('resnet34', num_classes=7, pretrained=str(tmp_path / 'weights.pth')).init_weights()


def test_an_unknown_name_is_told_with_those_that_are_near():
    with pytest.raises(ConfigError, match="no classifier or segmentor 'resnet19'; did you mean resnet18"):
        TorchvisionModel('resnet19')
    with pytest.raises(ConfigError, match="no classifier or segmentor 'r3d_18'"):
        TorchvisionModel('r3d_18')
