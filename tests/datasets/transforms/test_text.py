"""Token ids of a tiny BERT vocabulary; broken texts pass, and a tokenizer that is not there is named."""

import json

import numpy as np
import pytest
import transformers

from fdkd.datasets.transforms import Tokenize
from fdkd.datasets.transforms.text import load_tokenizer, mended
from fdkd.errors import CheckpointError, ConfigError

VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'flood', 'in', 'the', 'city', '##s', '!', '\U0001f600']
CLS, SEP, UNKNOWN, SMILE = 2, 3, 1, 11


@pytest.fixture
def model(tmp_path):
    """A folder with a lower-casing WordPiece tokenizer."""
    (tmp_path / 'vocab.txt').write_text('\n'.join(VOCABULARY) + '\n', encoding='utf-8')
    (tmp_path / 'tokenizer_config.json').write_text(json.dumps({'tokenizer_class': 'BertTokenizerFast'}))
    return str(tmp_path)


def tokens(model, text, **arguments):
    return Tokenize('text', model, **arguments)({'sample_id': 'a', 'text': text})['text']


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('Flood in the city!', [CLS, 5, 6, 7, 8, 10, SEP]),
        ('floods', [CLS, 5, 9, SEP]),
        ('elsewhere', [CLS, UNKNOWN, SEP]),
        ('', [CLS, SEP]),
        (' \t\r\n', [CLS, SEP]),
        ('flood\ufffd\x00\x07 in', [CLS, 5, 6, SEP]),
        ('flood \udcff in', [CLS, 5, 6, SEP]),
        ('flood \ud83d\ude00', [CLS, 5, SMILE, SEP]),
    ],
)
def test_ids(model, text, expected):
    ids = tokens(model, text)
    assert ids.dtype == np.int64
    assert ids.tolist() == expected


def test_long_texts_are_cut_before_the_last_special_token(model):
    assert tokens(model, 'flood in the city ' * 100, max_length=6).tolist() == [CLS, 5, 6, 7, 8, SEP]
    assert tokens(model, 'flood ' * 500).shape == (128,)


def test_no_room_for_a_token_is_refused(model):
    with pytest.raises(ConfigError, match='max_length=2, expected more than the 2 special tokens'):
        Tokenize('text', model, max_length=2)


def test_surrogates_are_joined_or_replaced():
    assert mended('a\ud83d\ude00\ud83db') == 'a\U0001f600\ufffdb'
    assert mended('Überflutung 洪水') == 'Überflutung 洪水'


@pytest.fixture
def from_pretrained(monkeypatch):
    """Replaces the library's loader by one that finds nothing; lists the calls."""
    calls = []

    def fail(model, local_files_only=False, trust_remote_code=None):
        calls.append((model, local_files_only))
        raise OSError('We could not connect\nand more lines')

    monkeypatch.setattr(transformers.AutoTokenizer, 'from_pretrained', fail)
    load_tokenizer.cache_clear()
    yield calls
    load_tokenizer.cache_clear()


def test_this_machine_comes_first_and_a_failure_says_what_to_do(from_pretrained):
    message = r'some/bert: .*\(We could not connect\): name a folder that holds tokenizer.json or vocab.txt'
    with pytest.raises(CheckpointError, match=message):
        Tokenize('text', 'some/bert')
    assert from_pretrained == [('some/bert', True), ('some/bert', False)]


def test_a_tokenizer_is_loaded_once_per_process(model, monkeypatch):
    load_tokenizer.cache_clear()
    first = load_tokenizer(model)
    monkeypatch.setattr(transformers.AutoTokenizer, 'from_pretrained', None)
    step = Tokenize('text', model)
    assert step({'sample_id': 'a', 'text': 'city'})['text'].tolist() == [CLS, 8, SEP]
    assert load_tokenizer(model) is first


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r'absent: no such folder'):
        Tokenize('text', str(tmp_path / 'absent'))


@pytest.mark.parametrize('files', [{}, {'config.json': '{"model_type": "bert"}'}, {'tokenizer.json': 'damaged'}])
def test_a_folder_without_a_vocabulary_is_named(tmp_path, files):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    message = rf'{tmp_path}: cannot be read as a Hugging Face model .*expected tokenizer.json or vocab.txt'
    with pytest.raises(CheckpointError, match=message):
        Tokenize('text', str(tmp_path))


def test_a_sample_without_text_passes_untouched(model):
    assert Tokenize('text', model)({'sample_id': 'a'}) == {'sample_id': 'a'}
