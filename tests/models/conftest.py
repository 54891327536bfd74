"""Small text encoders, made here: no test needs the network."""

import pytest
import torch
from transformers import BertConfig, BertModel


def write_bert(folder, seed=0, **settings):
    """Writes a BERT of 16 channels as transformers saves it."""
    torch.manual_seed(seed)
    sizes = dict(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    BertModel(BertConfig(**{**sizes, 'max_position_embeddings': 20, **settings})).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope='session')
def bert(tmp_path_factory):
    """The folder of a small BERT."""
    return write_bert(tmp_path_factory.mktemp('bert'))
