"""Networks of transformers as models, with tiny ones that are made here; what they give is compared with their own."""

import json
import shutil

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Dinov2Config,
    Dinov2Model,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    ViTConfig,
    ViTForImageClassification,
)

from fdkd.distill.taps import TapReader
from fdkd.errors import CheckpointError, ConfigError
from fdkd.models.padding import PADDING
from fdkd.models.transformers_model import TransformersModel

SMALL = dict(hidden_size=24, num_attention_heads=3, intermediate_size=32)
MADE = {
    'segformer': lambda: SegformerForSemanticSegmentation(
        SegformerConfig(depths=[1] * 4, hidden_sizes=[8, 16, 16, 24], decoder_hidden_size=8, num_labels=5)
    ),
    'vit': lambda: ViTForImageClassification(ViTConfig(image_size=64, num_hidden_layers=5, num_labels=5, **SMALL)),
    'dinov2': lambda: Dinov2Model(
        Dinov2Config(image_size=56, num_hidden_layers=4, hidden_size=24, num_attention_heads=3)
    ),
    'bert': lambda: BertForSequenceClassification(
        BertConfig(vocab_size=20, num_hidden_layers=3, num_labels=5, **SMALL)
    ),
}
AUTO = {
    'segformer': 'AutoModelForSemanticSegmentation',
    'vit': 'AutoModelForImageClassification',
    'dinov2': 'AutoModel',
    'bert': 'AutoModelForSequenceClassification',
}


@pytest.fixture(scope='module')
def networks(tmp_path_factory):
    """Folder and network by kind."""
    torch.manual_seed(0)
    made = {}
    for kind, make in MADE.items():
        folder, network = tmp_path_factory.mktemp(kind), make().eval()
        network.save_pretrained(folder)
        made[kind] = str(folder), network
    return made


def loaded(networks, kind, **settings):
    folder, network = networks[kind]
    model = TransformersModel(AUTO[kind], folder, pretrained=True, **settings)
    model.init_weights()
    return model.eval(), network


def read(model, x):
    with torch.no_grad():
        return TapReader(model, model.named_features).run(model, x)[1]


def fits(model, found):
    paths = model.named_features
    stages = dict(zip(paths['stages'], found['stages'], strict=True))
    return all(model.tap_widths[path] == x.shape[1 if x.ndim == 4 else -1] for path, x in stages.items())


def test_a_segmentor(networks):
    model, network = loaded(networks, 'segformer')
    x = torch.randn(2, 3, 64, 96)
    found = read(model, x)
    assert found['logits'].equal(network(x).logits)
    assert [tuple(stage.shape[1:]) for stage in found['stages']] == [(8, 16, 24), (16, 8, 12), (16, 4, 6), (24, 2, 3)]
    assert found['feat'] is found['map']
    assert fits(model, found)


def test_tokens_of_patches_become_a_map(networks):
    model, network = loaded(networks, 'vit')
    x = torch.randn(2, 3, 64, 64)
    found, states = read(model, x), network(x, output_hidden_states=True).hidden_states
    assert found['feat'].equal(states[-1][:, 0])
    assert found['map'][:, :, 1, 2].equal(states[-1][:, 1 + 4 + 2])  # behind [CLS], row by row
    assert [len(found['stages']), model.num_classes] == [4, 5]
    torch.testing.assert_close(found['stages'][0], states[1][:, 1:].transpose(1, 2).reshape(2, 24, 4, 4))
    assert fits(model, found)


def test_features_alone_end_with_the_final_norm(networks):
    model, network = loaded(networks, 'dinov2')
    x = torch.randn(2, 3, 42, 70)
    found, last = read(model, x), network(x).last_hidden_state
    assert model.num_classes is None
    torch.testing.assert_close(found['feat'], last[:, 0])
    torch.testing.assert_close(found['map'], last[:, 1:].transpose(1, 2).reshape(2, 24, 3, 5))


def test_texts_do_not_attend_to_padding(networks):
    model, _ = loaded(networks, 'bert')
    ids = torch.randint(1, 20, (1, 6))
    padded = torch.cat([ids, torch.full((1, 3), PADDING)], 1)
    torch.testing.assert_close(model(padded), model(ids))
    assert read(model, ids)['feat'].shape == (1, 24)


def test_other_classes_get_a_new_classifier(networks):
    model, network = loaded(networks, 'segformer', num_classes=9)
    assert model.head_is_new
    assert model(torch.randn(1, 3, 32, 32)).shape == (1, 9, 8, 8)
    own = model.network.state_dict()
    assert all(x.equal(own[name]) for name, x in network.state_dict().items() if name.startswith('segformer.'))
    assert not loaded(networks, 'segformer')[0].head_is_new


def test_weights_without_a_classifier_need_a_number_of_classes(networks):
    folder, _ = networks['dinov2']
    model = TransformersModel('AutoModelForImageClassification', folder, num_classes=3, pretrained=True)
    model.init_weights()
    assert model.head_is_new


def test_weights_that_are_not_there(tmp_path, networks):
    shutil.copy(f'{networks["vit"][0]}/config.json', tmp_path)
    model = TransformersModel(AUTO['vit'], str(tmp_path), pretrained=True)
    with pytest.raises(CheckpointError, match=r'expected config.json and model.safetensors'):
        model.init_weights()
    torch.save(networks['vit'][1].state_dict(), tmp_path / 'pytorch_model.bin')  # a pickle is not read
    with pytest.raises(CheckpointError, match=r'model.safetensors'):
        TransformersModel(AUTO['vit'], str(tmp_path), pretrained=True).init_weights()


def test_what_an_image_processor_states(tmp_path, networks):
    folder, network = networks['vit']
    network.save_pretrained(tmp_path)
    assert TransformersModel(AUTO['vit'], folder, pretrained=True).stated is None
    processor = {'image_mean': [0.5] * 3, 'image_std': [0.5] * 3}
    (tmp_path / 'preprocessor_config.json').write_text(json.dumps(processor))
    assert TransformersModel(AUTO['vit'], str(tmp_path), pretrained=True).stated.mean == (127.5,) * 3
    assert TransformersModel(AUTO['vit'], str(tmp_path)).stated is None


def test_refusals(networks, tmp_path):
    with pytest.raises(ConfigError, match="auto='ViTModel' is no class of transformers"):
        TransformersModel('ViTModel', networks['vit'][0])
    with pytest.raises(ConfigError, match='a bert as AutoModelForImageClassification cannot be used'):
        TransformersModel('AutoModelForImageClassification', networks['bert'][0])
    with pytest.raises(CheckpointError, match=r'expected config\.json'):
        TransformersModel('AutoModel', str(tmp_path))
