"""torchvision's weights in MMSegmentation's backbones, and files that are not those weights."""

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision
from mmengine.config import Config, ConfigDict

from fdkd.errors import CheckpointError
from fdkd.models import ImageNetInit
from fdkd.registry import MODELS

CONFIG = Path(__file__).parents[2] / 'configs' / '_base_' / 'models' / 'deeplabv3plus_r18.py'


def shaken(model):
    """A model whose batch norms have statistics and factors of their own."""
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
            module.num_batches_tracked.fill_(7)
    return model.eval()


@pytest.fixture(scope='module')
def trunk():
    """torchvision's ResNet-18 with random weights."""
    torch.manual_seed(0)
    return shaken(torchvision.models.resnet18())


@pytest.fixture(scope='module')
def file(trunk, tmp_path_factory):
    """Its weights as torchvision publishes them: with the classifier."""
    path = tmp_path_factory.mktemp('weights') / 'resnet18.pth'
    torch.save(trunk.state_dict(), path)
    return path


def segmentor(modality, checkpoint):
    config = ConfigDict(Config.fromfile(CONFIG).segmentor[modality])
    config.backbone.init_cfg.checkpoint = str(checkpoint)
    return config


def plain_backbone(**changes):
    """The backbone with torchvision's own strides and no dilation."""
    config = {**Config.fromfile(CONFIG).segmentor.rgb.backbone, 'init_cfg': None}
    return MODELS.build(ConfigDict({**config, 'strides': (1, 2, 2, 2), 'dilations': (1, 1, 1, 1), **changes}))


def test_init_weights_of_the_configured_rgb_model_leaves_imagenet_weights(trunk, file):
    model = MODELS.build(segmentor('rgb', file))
    model.init_weights()
    expected = trunk.state_dict()
    loaded = model.backbone.state_dict()
    assert set(expected) - set(loaded) == {'fc.weight', 'fc.bias'}
    for name, value in loaded.items():
        assert torch.equal(value, expected[name]), name


def test_init_weights_of_an_algorithm_reaches_the_depth_model(trunk, file):
    algorithm = MODELS.build(dict(type='SingleModality', modality='depth', model=segmentor('depth', file)))
    algorithm.init_weights()
    loaded, expected = algorithm.student.backbone.state_dict(), trunk.state_dict()
    for name, value in loaded.items():
        if name != 'conv1.weight':
            assert torch.equal(value, expected[name]), name
    red, green, blue = expected['conv1.weight'].unbind(1)
    assert loaded['conv1.weight'].shape == (64, 1, 7, 7)
    torch.testing.assert_close(loaded['conv1.weight'][:, 0], (red + green + blue) / 3)


def test_features_equal_torchvisions(trunk, file):
    backbone = plain_backbone()
    backbone.eval()
    ImageNetInit('resnet18', str(file))(backbone)
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features = backbone(image)
        x = trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(image))))
        for layer, feature in zip((trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4), features, strict=True):
            x = layer(x)
            torch.testing.assert_close(feature, x)


def test_two_input_channels_get_the_mean_each(trunk, file):
    backbone = plain_backbone(in_channels=2)
    ImageNetInit('resnet18', str(file))(backbone)
    expected = trunk.conv1.weight.mean(1)
    for channel in backbone.conv1.weight.detach().unbind(1):
        torch.testing.assert_close(channel, expected)


def test_a_backbone_without_the_last_stage_loads_the_others(trunk, file):
    backbone = plain_backbone(num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(2,))
    ImageNetInit('resnet18', str(file))(backbone)
    assert torch.equal(backbone.layer3[1].bn2.running_mean, trunk.layer3[1].bn2.running_mean)


def test_weights_older_than_the_counter_of_batches_load(trunk, tmp_path):
    old = {name: value for name, value in trunk.state_dict().items() if 'num_batches_tracked' not in name}
    torch.save(old, tmp_path / 'old.pth')
    backbone = plain_backbone()
    ImageNetInit('resnet18', str(tmp_path / 'old.pth'))(backbone)
    assert torch.equal(backbone.layer4[1].bn2.running_var, trunk.layer4[1].bn2.running_var)


def test_weights_under_state_dict_load(trunk, tmp_path):
    torch.save({'state_dict': trunk.state_dict(), 'epoch': 90}, tmp_path / 'wrapped.pth')
    backbone = plain_backbone()
    ImageNetInit('resnet18', str(tmp_path / 'wrapped.pth'))(backbone)
    assert torch.equal(backbone.conv1.weight, trunk.conv1.weight)


def refuse(weights, path, message):
    """Expects ``weights`` to be refused in one message, and the backbone to be left as it was."""
    torch.save(weights, path)
    backbone = plain_backbone()
    before = backbone.conv1.weight.clone()
    with pytest.raises(CheckpointError, match=rf'{path.name}: not ImageNet weights of this backbone; {message}'):
        ImageNetInit('resnet18', str(path))(backbone)
    assert torch.equal(backbone.conv1.weight, before)


def test_a_deeper_networks_weights_are_refused(tmp_path):
    # every entry of ResNet-18 stands in ResNet-34 with the same shape: what tells them apart are the further blocks
    weights = torchvision.models.resnet34().state_dict()
    refuse(
        weights, tmp_path / 'resnet34.pth', '0 entries are missing, 0 differ in shape and 96 are unknown, first layer1'
    )


def test_weights_of_another_shape_are_refused(trunk, tmp_path):
    weights = {**trunk.state_dict(), 'layer3.0.conv1.weight': torch.zeros(256, 64, 3, 3)}
    refuse(weights, tmp_path / 'thin.pth', r'.* 1 differ in shape and 0 are unknown, first layer3.0.conv1.weight')


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    weights = {'backbone.conv1.weight': torch.zeros(64, 3, 7, 7)}
    refuse(
        weights, tmp_path / 'student.pth', '100 entries are missing, 0 differ in shape and 0 are unknown, first conv1'
    )


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r'none.pth: no such checkpoint'):
        ImageNetInit('resnet18', str(tmp_path / 'none.pth'))(plain_backbone())


def test_offline_one_message_says_what_to_do(tmp_path, monkeypatch):
    def unreachable(*args, **kwargs):
        raise URLError('Name or service not known')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(torch.hub, 'urlopen', unreachable)
    with pytest.raises(CheckpointError) as caught:
        ImageNetInit('resnet18')(plain_backbone())
    message = str(caught.value)
    assert 'ImageNet weights of resnet18 cannot be downloaded' in message
    assert 'Name or service not known' in message
    assert f'Put https://download.pytorch.org/models/resnet18-f37072fd.pth at {tmp_path}/hub/checkpoints/' in message
    assert '--pretrained FILE' in message


def test_cached_weights_are_read_without_network_and_without_running_code(trunk, file, tmp_path, monkeypatch):
    cached = tmp_path / 'hub' / 'checkpoints' / 'resnet18-f37072fd.pth'
    cached.parent.mkdir(parents=True)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    cached.symlink_to(file)
    backbone = plain_backbone()
    ImageNetInit('resnet18')(backbone)
    assert torch.equal(backbone.conv1.weight, trunk.conv1.weight)
    cached.unlink()
    torch.save({'conv1.weight': torch.nn.Linear(1, 1)}, cached)
    with pytest.raises(CheckpointError, match=r'f37072fd.pth: refused, .*torch.nn.modules.linear.Linear'):
        ImageNetInit('resnet18')(backbone)
