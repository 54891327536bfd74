"""Bits by hand, there and back."""

import base64

import numpy as np
import pytest

from fdkd.errors import DataError
from fdkd.evaluation.hits import pack_hits, unpack_hits


def test_by_hand():
    # 1010 0000 | 1...: the first sample is the highest bit
    hits = [True, False, True, False, False, False, False, False, True]
    text = pack_hits(np.array(hits))
    assert base64.b64decode(text) == bytes([0b10100000, 0b10000000])
    assert unpack_hits(text, 9).tolist() == hits


@pytest.mark.parametrize('count', [0, 1, 7, 8, 9, 200])
def test_there_and_back(count):
    hits = np.random.default_rng(count).random(count) < 0.7
    text = pack_hits(hits)
    bits = ''.join(f'{byte:08b}' for byte in base64.b64decode(text))
    assert bits[:count] == ''.join('1' if hit else '0' for hit in hits)
    unpacked = unpack_hits(text, count)
    assert unpacked.dtype == bool
    assert np.array_equal(unpacked, hits)


@pytest.mark.parametrize('count', [8, 17])
def test_another_number_of_samples_is_refused(count):
    text = pack_hits(np.ones(9, bool))
    with pytest.raises(DataError, match=rf'2 bytes, expected {-(-count // 8)} for {count} labelled samples'):
        unpack_hits(text, count)


@pytest.mark.parametrize('text', ['oA=', 'o?==', 'ä'])
def test_other_text_is_refused(text):
    with pytest.raises(DataError, match='is not base64'):
        unpack_hits(text, 3)
