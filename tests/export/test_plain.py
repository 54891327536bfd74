"""Students as networks of other libraries: the same logits from the same weights."""

import json

import pytest
import torch
import torchvision
from mmengine.config import ConfigDict
from torch import nn
from transformers import DistilBertConfig, RobertaConfig

from fdkd.errors import ExportError
from fdkd.export.plain import _without_start, build, plain, refuse_unmasked, renamed
from fdkd.models.padding import PADDING
from fdkd.models.preprocessor import Float, Tokens
from fdkd.registry import BACKBONES, MODELS
from tests.export.conftest import classifier, lived_in, segmentor_config

SIZES = dict(vocab_size=50, max_position_embeddings=20)


@BACKBONES.register_module()
class Stranger(nn.Module):
    """A backbone of a user's own that ends in a map."""

    channels, stages = 6, ()

    def __init__(self):
        super().__init__()
        self.conv, self.activation = nn.Conv2d(2, 6, 3), nn.ReLU()

    def forward(self, x):
        return self.conv(x)


def segmentor(**changes):
    torch.manual_seed(0)
    return lived_in(MODELS.build(ConfigDict(segmentor_config(**changes))))


@pytest.mark.parametrize(
    ('backbone', 'arch', 'channels'),
    [
        (dict(type='ResNet18', in_channels=3), 'resnet18', 3),
        (dict(type='ResNet18', in_channels=1), 'resnet18', 1),
        (dict(type='MobileNetV2'), 'mobilenet_v2', 3),
    ],
)
def test_classifiers_are_networks_of_torchvision(backbone, arch, channels):
    student = classifier(**backbone)
    made = plain(student, {})
    assert made.recipe == {'library': 'torchvision', 'arch': arch, 'in_channels': channels, 'num_classes': 3}
    assert type(made.network) is type(getattr(torchvision.models, arch)())
    x = torch.randn(2, channels, 40, 33)
    with torch.no_grad():
        torch.testing.assert_close(made.network(x), student(x), atol=1e-5, rtol=0)


def test_text_is_an_encoder_of_transformers_and_a_layer(short_bert, tmp_path):
    RobertaConfig(**SIZES, hidden_size=16, num_hidden_layers=1, num_attention_heads=2).save_pretrained(tmp_path / 'r')
    DistilBertConfig(**SIZES, dim=16, n_layers=1, n_heads=2, hidden_dim=32).save_pretrained(tmp_path / 'd')
    for folder in (short_bert, str(tmp_path / 'r'), str(tmp_path / 'd')):
        student = classifier(type='TransformerText', model=folder)
        made = plain(student, {})
        ids = torch.tensor([[2, 9, 14, 3], [2, 7, 3, PADDING]])
        mask = (ids != PADDING).long()
        with torch.no_grad():
            found = made.network(ids.masked_fill(mask == 0, student.backbone.pad), mask)
            torch.testing.assert_close(found, student(ids), atol=1e-6, rtol=0)
        again = build(json.loads(json.dumps(made.recipe)))
        again.load_state_dict(made.network.state_dict())


def test_segmentors_leave_behind_what_training_alone_needs():
    student = segmentor()
    made = plain(student, segmentor_config())
    assert 'auxiliary_head' not in made.recipe['config']
    assert 'init_cfg' not in json.dumps(made.recipe)
    names = {name for name in student.state_dict() if not name.startswith('auxiliary_head.')}
    assert set(made.network.state_dict()) == names
    x = torch.randn(1, 1, 24, 32)
    with torch.no_grad():
        assert torch.equal(made.network(x), student(x, mode='tensor'))


def test_what_only_fdkd_has_gets_no_recipe_but_a_network():
    student = classifier(type='Stranger')
    made = plain(student, {})
    assert made.recipe is None
    assert 'Stranger' in made.reason
    x = torch.randn(2, 2, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(made.network(x), student(x))
    alone = plain(nn.Linear(3, 2), {})
    assert (alone.recipe, type(alone.network)) == (None, nn.Linear)


def test_segmentors_with_foreign_parts_get_no_recipe(monkeypatch):
    monkeypatch.setattr('mmseg.models.decode_heads.fcn_head.FCNHead.__module__', 'fdkd.somewhere')
    made = plain(segmentor(), segmentor_config())
    assert made.recipe is None
    assert 'decode_head (FCNHead)' in made.reason


def test_windows_and_single_channels_are_refused():
    sliding = dict(mode='slide', crop_size=(16, 16), stride=(8, 8))
    with pytest.raises(ExportError, match='slides a window'):
        plain(segmentor(test_cfg=sliding), segmentor_config(test_cfg=sliding))
    head = segmentor_config()['decode_head'] | dict(num_classes=2, out_channels=1, threshold=0.3)
    with pytest.raises(ExportError, match='one channel for two classes'):
        plain(segmentor(decode_head=head, auxiliary_head=None), segmentor_config(decode_head=head))


def test_texts_need_a_network_that_takes_their_mask(short_bert):
    text = plain(classifier(type='TransformerText', model=short_bert), {}).network
    refuse_unmasked(text, Tokens())
    refuse_unmasked(nn.Linear(2, 3), Float())
    foreign = MODELS.build(
        dict(type='TransformersModel', auto='AutoModelForSequenceClassification', name=short_bert, num_classes=3)
    )
    for network in (plain(foreign, {}).network, plain(classifier(type='Stranger'), {}).network):
        with pytest.raises(ExportError, match='takes no mask of where texts are filled up'):
            refuse_unmasked(network, Tokens())


def test_nothing_downloads_where_a_network_is_built_again():
    backbone = dict(type='mmseg.TIMMBackbone', model_name='resnet18', checkpoint_path='a.pth', init_cfg=dict(type='X'))
    config = dict(type='EncoderDecoder', pretrained='http://a', backbone=backbone, head=[dict(pretrained=None)])
    assert _without_start(config) == dict(
        type='EncoderDecoder',
        backbone=dict(type='mmseg.TIMMBackbone', model_name='resnet18', pretrained=False),
        head=[{}],
    )


def test_renaming_takes_the_first_prefix_and_drops_the_rest():
    weights = {'a.b.x': 1, 'a.y': 2, 'c.z': 3}
    assert renamed(weights, {'a.b.': 'q.', 'a.': ''}) == {'q.x': 1, 'y': 2}
