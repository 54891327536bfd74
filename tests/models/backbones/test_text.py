"""Text encoders against transformers itself, and models that cannot serve."""

import pytest
import torch
from transformers import (
    AutoModel,
    BartConfig,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    OPTConfig,
    RobertaConfig,
    T5Config,
)

from fdkd.distill.taps import TapReader
from fdkd.errors import CheckpointError, ConfigError, DataError
from fdkd.models import Classifier, HuggingFaceInit, MultimodalPreprocessor, TransformerText
from fdkd.models.padding import PADDING

SIZES = dict(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
IDS = torch.tensor([[2, 9, 14, 3], [2, 3, PADDING, PADDING]])


@pytest.fixture
def backbone(bert):
    backbone = TransformerText(bert)
    HuggingFaceInit(bert)(backbone)
    return backbone.eval()


def test_the_feature_is_the_last_state_of_the_first_token(bert, backbone):
    expected = AutoModel.from_pretrained(bert).eval()(input_ids=IDS[:1]).last_hidden_state[:, 0]
    torch.testing.assert_close(backbone(IDS[:1]), expected)
    assert expected.shape == (1, backbone.channels)


def test_padding_changes_no_feature(backbone):
    both = backbone(IDS)
    torch.testing.assert_close(both[0], backbone(IDS[:1])[0])
    torch.testing.assert_close(both[1], backbone(IDS[1:, :2])[0])


def padded(*texts):
    """The texts as the preprocessor stacks them."""
    data = {'inputs': {'text': [torch.tensor(ids) for ids in texts]}, 'data_samples': []}
    return MultimodalPreprocessor({'text': {'tokens': True}})(data)['inputs']['text']


@pytest.mark.parametrize(
    'config',
    [
        RobertaConfig(**SIZES, pad_token_id=1, max_position_embeddings=22),
        BertConfig(**SIZES, pad_token_id=7),
        BertConfig(**SIZES, pad_token_id=None),
    ],
    ids=['roberta-1', 'bert-7', 'bert-none'],
)
def test_a_texts_feature_does_not_depend_on_its_neighbours_lengths(config, tmp_path):
    config.save_pretrained(tmp_path)
    backbone = TransformerText(str(tmp_path)).eval()
    short = [2, 9, 3]
    alone = backbone(padded(short))[0]
    for neighbour in ([2, 3], [2, 9, 14, 3], [2, *range(10, 25), 3]):
        torch.testing.assert_close(backbone(padded(short, neighbour))[0], alone)
    assert not torch.allclose(backbone(padded([2, 9, 3, 0]))[0], alone)  # an id that stands in the text counts


@pytest.mark.parametrize(('pad', 'stand_in'), [(7, 7), (None, 0)])
def test_the_model_sees_its_own_padding_id(pad, stand_in, tmp_path):
    BertConfig(**SIZES, pad_token_id=pad).save_pretrained(tmp_path)
    backbone = TransformerText(str(tmp_path))
    seen = []
    backbone.model.embeddings.word_embeddings.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    backbone(IDS)
    assert seen[0].tolist() == [[2, 9, 14, 3], [2, 3, stand_in, stand_in]]


def test_other_encoders_than_bert_serve(tmp_path):
    DistilBertConfig(vocab_size=50, dim=24, n_layers=1, n_heads=2, hidden_dim=32).save_pretrained(tmp_path)
    assert TransformerText(str(tmp_path))(IDS).shape == (2, 24)


def test_every_parameter_learns(bert):
    model = Classifier(dict(type='TransformerText', model=bert), num_classes=5)
    model(IDS).square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(('layers', 'read'), [(1, [1]), (6, [1, 3, 4, 6]), (12, [3, 6, 9, 12])])
def test_the_stages_are_the_states_of_the_first_token_after_each_quarter_of_the_layers(layers, read, tmp_path):
    BertConfig(**{**SIZES, 'num_hidden_layers': layers}).save_pretrained(tmp_path)
    model = Classifier(dict(type='TransformerText', model=str(tmp_path)), num_classes=5).eval()
    states = model.backbone.model(input_ids=IDS[:1], output_hidden_states=True).hidden_states
    features = TapReader(model, model.named_features).run(model, IDS[:1])[1]
    for found, layer in zip(features['stages'], read, strict=True):
        torch.testing.assert_close(found, states[layer][:, 0])
    torch.testing.assert_close(features['stages'][-1], features['feat'])


def test_a_model_kept_in_half_precision_is_built_in_float32(tmp_path):
    BertConfig(**SIZES, dtype='float16').save_pretrained(tmp_path)
    assert {parameter.dtype for parameter in TransformerText(str(tmp_path)).parameters()} == {torch.float32}


def test_building_reads_no_weights(bert, tmp_path):
    config = BertConfig.from_pretrained(bert)
    config.save_pretrained(tmp_path)  # a folder with config.json alone
    torch.manual_seed(1)
    first = TransformerText(str(tmp_path)).model.embeddings.word_embeddings.weight
    torch.manual_seed(2)
    second = TransformerText(str(tmp_path)).model.embeddings.word_embeddings.weight
    assert not torch.allclose(first[1:], second[1:])


def test_texts_longer_than_the_model_reads_are_refused(backbone):
    assert backbone(torch.full((1, 20), 5)).shape == (1, 16)
    with pytest.raises(DataError, match='texts of 21 tokens, the model reads 20: lower max_length'):
        backbone(torch.full((1, 21), 5))


def test_roberta_reads_fewer_tokens_than_it_has_positions(tmp_path):
    """Its first position follows that of the padding, here 1."""
    RobertaConfig(**SIZES, max_position_embeddings=20, pad_token_id=1).save_pretrained(tmp_path)
    backbone = TransformerText(str(tmp_path))
    assert backbone(torch.full((1, 18), 5)).shape == (1, 16)
    with pytest.raises(DataError, match='texts of 19 tokens, the model reads 18: lower max_length'):
        backbone(torch.full((1, 19), 5))


@pytest.mark.parametrize(
    ('config', 'kind'),
    [
        (GPT2Config(n_embd=8, n_layer=1, n_head=1), 'gpt2'),
        (OPTConfig(hidden_size=8, num_hidden_layers=1, pad_token_id=1), 'opt'),
        (T5Config(d_model=8, num_layers=1, pad_token_id=0), 't5'),
        (BartConfig(d_model=8), 'bart'),
    ],
)
def test_models_whose_first_token_does_not_stand_for_the_text_are_refused(config, kind, tmp_path):
    config.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=f'a {kind} is no encoder whose first token stands for the text: choose one'):
        TransformerText(str(tmp_path))


def test_a_folder_without_a_config_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=rf'{tmp_path}: cannot be read as a Hugging Face model .* config.json'):
        TransformerText(str(tmp_path))
