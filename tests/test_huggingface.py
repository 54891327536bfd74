"""Where the files of transformers are looked for, and what is said where there are none."""

import pytest
from safetensors import SafetensorError
from transformers.utils import logging

from fdkd.errors import CheckpointError
from fdkd.huggingface import load_local_first


def recorder(answers):
    """A stand-in for ``from_pretrained`` that gives the answers in turn and keeps how it was called."""
    calls = []

    def load(model, **settings):
        calls.append(settings)
        answer = answers[len(calls) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return load, calls


def test_what_is_here_asks_no_network():
    load, calls = recorder(['config'])
    assert load_local_first(load, 'bert-base-uncased', 'a.json', dtype=1) == 'config'
    assert calls == [{'local_files_only': True, 'dtype': 1, 'trust_remote_code': False}]


@pytest.mark.parametrize('failure', [OSError('not cached'), ValueError('no tokenizer'), SafetensorError('damaged')])
def test_what_is_not_here_is_downloaded(failure):
    load, calls = recorder([failure, 'config'])
    assert load_local_first(load, 'bert-base-uncased', 'a.json') == 'config'
    assert calls == [{'local_files_only': True, 'trust_remote_code': False}, {'trust_remote_code': False}]


def test_offline_one_message_says_what_to_do():
    load, _ = recorder([OSError('not cached'), OSError('no connection to the hub\nCheck your cables')])
    with pytest.raises(CheckpointError) as caught:
        load_local_first(load, 'bert-base-uncased', 'a.json')
    assert str(caught.value) == (
        'bert-base-uncased: no such folder, not in the Hugging Face cache, and not to be had from the network '
        '(no connection to the hub): name a folder that holds a.json'
    )


@pytest.mark.parametrize('kind', [OSError, ValueError, SafetensorError])
def test_a_folder_asks_no_network(tmp_path, kind):
    load, calls = recorder([kind('not JSON'), 'config'])
    message = rf'{tmp_path}: cannot be read as a Hugging Face model \(not JSON\); expected a.json'
    with pytest.raises(CheckpointError, match=message):
        load_local_first(load, str(tmp_path), 'a.json')
    assert len(calls) == 1


@pytest.mark.parametrize('bar', [True, False])
def test_transformers_is_silent_meanwhile_and_then_as_before(tmp_path, bar):
    def load(model, local_files_only, trust_remote_code):
        heard.append((logging.get_verbosity(), logging.is_progress_bar_enabled()))
        raise OSError('absent')

    heard, before = [], (logging.get_verbosity(), logging.is_progress_bar_enabled())
    try:
        logging.set_verbosity_info()
        (logging.enable_progress_bar if bar else logging.disable_progress_bar)()
        with pytest.raises(CheckpointError):
            load_local_first(load, str(tmp_path), 'a.json')
        assert heard == [(logging.ERROR, False)]
        assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (logging.INFO, bar)
    finally:
        logging.set_verbosity(before[0])
        (logging.enable_progress_bar if before[1] else logging.disable_progress_bar)()
