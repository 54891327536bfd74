"""Token ids of texts, by the tokenizer of a language model."""

from functools import lru_cache
from typing import Any

import numpy as np

from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.errors import ConfigError
from fdkd.huggingface import load_local_first
from fdkd.registry import TRANSFORMS


@lru_cache
def load_tokenizer(model: str) -> Any:
    """The tokenizer of a Hugging Face model, from this machine if it is here, else from the network.

    Args:
        model: A name at huggingface.co, or a folder with the tokenizer's files.

    Raises:
        CheckpointError: If it is neither here nor can be downloaded, or is damaged.
    """
    return load_local_first(_with_vocabulary, model, 'tokenizer.json or vocab.txt')


def _with_vocabulary(model: str, **settings: Any) -> Any:
    from transformers import AutoTokenizer  # takes a second, which experiments without text should not pay

    tokenizer = AutoTokenizer.from_pretrained(model, **settings)
    # where the files of the vocabulary are absent, transformers makes a tokenizer that knows no word
    if len(tokenizer) <= len(tokenizer.all_special_tokens):
        raise OSError('there is no vocabulary')
    return tokenizer


def mended(text: str) -> str:
    """``text`` with halves of surrogate pairs joined and lone ones, which no tokenizer takes, as U+FFFD."""
    return text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')


@TRANSFORMS.register_module()
class Tokenize(ModalityTransform):
    """Turns a text into token ids: int64 ``[L]`` with the model's special tokens, not padded.

    Broken bytes and empty texts pass: the latter are the special tokens alone.

    Args:
        modality: The modality.
        model: A name at huggingface.co, or a folder with the tokenizer's files; the text's network has the same.
        max_length: Longest ``L``, special tokens included; the end of longer texts is cut.

    Raises:
        CheckpointError: If the tokenizer is not available.
        ConfigError: If ``max_length`` leaves no room for a token.
    """

    def __init__(self, modality: str, model: str = 'bert-base-uncased', max_length: int = 128) -> None:
        super().__init__(modality)
        special = load_tokenizer(model).num_special_tokens_to_add()
        if max_length <= special:
            raise ConfigError(f'Tokenize: max_length={max_length}, expected more than the {special} special tokens')
        self.model, self.max_length = model, max_length

    def apply(self, value: str, sample_id: str) -> np.ndarray:
        encoded = load_tokenizer(self.model)(mended(value), truncation=True, max_length=self.max_length)
        return np.array(encoded['input_ids'], np.int64)
