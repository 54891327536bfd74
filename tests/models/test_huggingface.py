"""Weights of transformers: what is refused, and that nothing overwrites them."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, BertConfig, BertForMaskedLM

from fdkd.errors import CheckpointError
from fdkd.models import Classifier, HuggingFaceInit, TransformerText
from fdkd.registry import MODELS


def copy_with(bert, folder, change):
    """A copy of the model whose weights went through ``change``."""
    BertConfig.from_pretrained(bert).save_pretrained(folder)
    save_file(change(load_file(f'{bert}/model.safetensors')), folder / 'model.safetensors', metadata={'format': 'pt'})
    return str(folder)


def test_init_weights_of_an_algorithm_leaves_the_trained_weights(bert, monkeypatch):
    backbone = dict(type='TransformerText', model=bert, init_cfg=dict(type='HuggingFaceInit', model=bert))
    algorithm = MODELS.build(
        dict(type='SingleModality', modality='text', model=dict(type='Classifier', backbone=backbone, num_classes=5))
    )
    drawn = []
    monkeypatch.setattr(algorithm.student.backbone.model, 'init_weights', lambda: drawn.append('new weights'))
    algorithm.init_weights()
    assert not drawn
    expected = load_file(f'{bert}/model.safetensors')
    loaded = algorithm.student.backbone.model.state_dict()
    assert {name for name in expected if name not in loaded} == {'pooler.dense.weight', 'pooler.dense.bias'}
    for name, value in loaded.items():
        assert torch.equal(value, expected[name]), name


def test_weights_saved_with_a_pretraining_head_load(bert, tmp_path, capfd):
    torch.manual_seed(3)
    whole = BertForMaskedLM(BertConfig.from_pretrained(bert))
    whole.save_pretrained(tmp_path)
    capfd.readouterr()
    backbone = TransformerText(bert)
    HuggingFaceInit(str(tmp_path))(backbone)
    expected = whole.bert.encoder.layer[1].output.dense.weight
    assert torch.equal(backbone.model.encoder.layer[1].output.dense.weight, expected)
    printed = ''.join(capfd.readouterr())
    assert 'UNEXPECTED' not in printed
    assert 'Loading weights' not in printed


def test_weights_that_lack_an_entry_are_refused(bert, tmp_path):
    name = 'encoder.layer.1.output.dense.weight'
    path = copy_with(bert, tmp_path, lambda weights: {key: x for key, x in weights.items() if key != name})
    with pytest.raises(CheckpointError, match=rf'{path}: its weights lack 1 entries, first {name}'):
        HuggingFaceInit(path)(TransformerText(bert))


def test_weights_of_another_size_are_refused(bert, tmp_path):
    sizes = dict(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    AutoModel.from_config(BertConfig(**sizes)).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=rf'{tmp_path}: does not fit BertModel in \d+ of \d+ entries'):
        HuggingFaceInit(str(tmp_path))(TransformerText(bert))


def test_a_pickle_is_not_read(bert, tmp_path):
    BertConfig.from_pretrained(bert).save_pretrained(tmp_path)
    torch.save(load_file(f'{bert}/model.safetensors'), tmp_path / 'pytorch_model.bin')
    with pytest.raises(
        CheckpointError, match=rf'{tmp_path}: cannot be read .* expected config.json and model.safetensors'
    ):
        HuggingFaceInit(str(tmp_path))(TransformerText(bert))


def test_a_damaged_file_is_named(bert, tmp_path):
    BertConfig.from_pretrained(bert).save_pretrained(tmp_path)
    (tmp_path / 'model.safetensors').write_bytes(b'damaged' * 9)
    with pytest.raises(CheckpointError, match=rf'{tmp_path}: cannot be read as a Hugging Face model .*header'):
        HuggingFaceInit(str(tmp_path))(TransformerText(bert))


def test_a_classifier_starts_from_the_trained_feature(bert):
    model = Classifier(dict(type='TransformerText', model=bert), num_classes=3)
    HuggingFaceInit(bert)(model.backbone)
    ids = torch.tensor([[2, 9, 3]])
    trained = AutoModel.from_pretrained(bert).eval()(input_ids=ids).last_hidden_state[:, 0]
    torch.testing.assert_close(model.eval()(ids), model.head(trained))
