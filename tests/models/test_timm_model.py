"""Networks of timm as models; what they give is compared with timm's own pass."""

import pytest
import torch

from fdkd.distill.taps import TapReader
from fdkd.errors import CheckpointError, ConfigError
from fdkd.models.preprocessor import Normalizer
from fdkd.models.stated import contradiction
from fdkd.models.timm_model import TimmModel

timm = pytest.importorskip('timm')


@pytest.fixture(scope='module')
def resnet():
    torch.manual_seed(0)
    return TimmModel('resnet10t', num_classes=7, in_chans=1).eval()


def read(model, x):
    with torch.no_grad():
        return TapReader(model, model.named_features).run(model, x)[1]


def test_a_resnet_is_read_before_its_last_relu(resnet):
    x = torch.randn(2, 1, 64, 64)
    found = read(resnet, x)
    with torch.no_grad():
        torch.testing.assert_close(found['logits'], resnet.network(x))
        after = resnet.network.forward_features(x)
    torch.testing.assert_close(found['map'].relu(), after)
    assert found['map'].min() < 0
    torch.testing.assert_close(found['feat'], found['map'].mean((2, 3)))
    widths = [resnet.tap_widths[f'states.{stage}'] for stage in range(4)]
    assert [x.shape[1] for x in found['stages']] == widths == [64, 128, 256, 512]
    assert found['stages'][-1] is found['map']


def test_a_transformer_gives_maps_of_its_patches_and_what_its_classifier_reads():
    torch.manual_seed(0)
    model = TimmModel('vit_tiny_patch16_224', num_classes=7, img_size=64, depth=4).eval()
    x = torch.randn(2, 3, 64, 64)
    found = read(model, x)
    with torch.no_grad():
        torch.testing.assert_close(found['logits'], model.network(x))
        feat = model.network.forward_head(model.network.forward_features(x), pre_logits=True)
    torch.testing.assert_close(found['feat'], feat)
    assert found['map'].shape == (2, 192, 4, 4)
    assert len(found['stages']) == 4


def test_a_network_without_a_classifier(resnet):
    model = TimmModel('resnet10t', num_classes=0)
    assert model.num_classes is None
    assert 'logits' not in model.named_features
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 512)


def test_weights_of_a_file_and_a_new_classifier_for_other_classes(tmp_path, resnet):
    from safetensors.torch import save_file

    own = timm.create_model('resnet10t', in_chans=3, num_classes=1000)
    save_file(own.state_dict(), tmp_path / 'model.safetensors')
    model = TimmModel('resnet10t', pretrained=str(tmp_path))
    model.init_weights()
    assert not model.head_is_new
    assert all(x.equal(model.network.state_dict()[name]) for name, x in own.state_dict().items())
    model = TimmModel('resnet10t', num_classes=7, pretrained=str(tmp_path / 'model.safetensors'))
    model.init_weights()
    assert model.head_is_new
    assert model.network.fc.weight.shape == (7, 512)
    assert model.network.layer1[0].conv1.weight.equal(own.layer1[0].conv1.weight)


@pytest.mark.parametrize('name', ['absent.safetensors', 'weights.pth'])
def test_no_other_files_are_read(tmp_path, name):
    (tmp_path / 'weights.pth').write_bytes(b'\x80\x02')
    model = TimmModel('resnet10t', pretrained=str(tmp_path / name))
    with pytest.raises(CheckpointError, match=f'{name}: no such file, or no .safetensors'):
        model.init_weights()


def test_weights_that_cannot_be_downloaded(monkeypatch):
    import timm.models._builder as builder

    monkeypatch.setattr(builder, 'load_state_dict_from_hf', lambda *_, **__: (_ for _ in ()).throw(OSError('offline')))
    model = TimmModel('resnet10t', pretrained=True)
    with pytest.raises(CheckpointError, match=r'weights of timm cannot be had .*pretrained=FILE.safetensors'):
        model.init_weights()


def test_the_normalisation_is_timms():
    model = TimmModel('resnet10t', num_classes=7, pretrained=True)
    assert contradiction(model, Normalizer([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])) is None
    assert 'expect mean=' in contradiction(model, Normalizer([127.5] * 3, [127.5] * 3))
    assert TimmModel('resnet10t', num_classes=7).stated is None


def test_unknown_names_and_a_missing_package(monkeypatch):
    with pytest.raises(ConfigError, match=r"timm .* has no model 'resnet9000'"):
        TimmModel('resnet9000')
    monkeypatch.setitem(__import__('sys').modules, 'timm', None)
    with pytest.raises(ConfigError, match='not installed: pip install timm'):
        TimmModel('resnet10t')
