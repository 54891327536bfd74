"""The text of a config, formatted once for what it holds."""

import copy
import pickle

import pytest
from mmengine.config import Config
from yapf.yapflib import yapf_api

from fdkd.engine.config_text import TextedConfig


@pytest.fixture
def formatted(monkeypatch):
    """What is given to the formatter."""
    texts, format_code = [], yapf_api.FormatCode

    def counted(text, **style):
        texts.append(text)
        return format_code(text, **style)

    monkeypatch.setattr(yapf_api, 'FormatCode', counted)
    return texts


@pytest.fixture
def plain():
    held = dict(model=dict(type='A', sizes=[1, (2, 3)], odd={'a b': None}), epochs=3, long=['a name of length'] * 9)
    return Config(held, 'text', 'some/where.py')


def test_what_does_not_change_is_formatted_once(plain, formatted, tmp_path):
    cfg = TextedConfig.of(plain)
    assert (cfg.filename, cfg.to_dict()) == (plain.filename, plain.to_dict())
    expected = plain.pretty_text
    formatted.clear()
    assert [cfg.pretty_text for _ in range(3)] == [expected] * 3
    assert copy.deepcopy(cfg).pretty_text == pickle.loads(pickle.dumps(cfg)).pretty_text == expected
    cfg.dump(tmp_path / 'config.py')
    assert (tmp_path / 'config.py').read_text() == expected
    assert len(formatted) <= 2  # one of them for what was pickled


@pytest.mark.parametrize('change', [
    lambda cfg: cfg.update(epochs=4),
    lambda cfg: cfg.model.sizes.append(5),
    lambda cfg: cfg.merge_from_dict({'model.type': 'B'}),
])  # fmt: skip
def test_what_changes_anywhere_is_formatted_again(plain, change):
    cfg = TextedConfig.of(plain)
    before = cfg.pretty_text
    change(cfg)
    assert cfg.pretty_text == Config(cfg.to_dict()).pretty_text != before


def test_where_it_is_not_to_be_formatted_it_is_not(plain, formatted):
    bare = Config(plain.to_dict(), format_python_code=False)
    assert TextedConfig.of(bare).pretty_text == bare.pretty_text
    assert not formatted
