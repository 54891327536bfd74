"""Tensors as rows of bytes, and back bit by bit."""

import numpy as np
import pytest
import torch

from fdkd.engine.teacher_cache.layout import Leaf, layout_of, pack, unpack


def bits(x):
    return x.contiguous().reshape(-1).view(torch.uint8)


def back(features):
    layout = layout_of(features)
    return unpack(layout, [torch.from_numpy(rows.copy()) for rows in pack(layout, features)])


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64])
@pytest.mark.parametrize('shape', [(3,), (3, 5), (3, 2, 4, 5)])
def test_every_bit_comes_back(dtype, shape):
    x = (torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 100).to(dtype)
    found = back({'feat': x})['feat']
    assert found.dtype == dtype
    assert found.shape == x.shape
    assert bits(found).equal(bits(x))


def test_what_is_no_number_comes_back_too():
    x = torch.tensor([[float('nan'), float('inf'), -0.0]], dtype=torch.bfloat16)
    assert bits(back({'feat': x})['feat']).equal(bits(x))


def test_lists_keep_their_order_and_their_shapes():
    stages = [torch.randn(2, 3, 4, 4), torch.randn(2, 6, 2, 2), torch.randn(2, 1)]
    found = back({'stages': stages, 'logits': torch.ones(2, 7)})
    assert list(found) == ['stages', 'logits']
    assert all(one.equal(other) for one, other in zip(found['stages'], stages, strict=True))


@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
def test_the_order_in_memory_stays(memory_format):
    x = torch.randn(2, 3, 4, 5).to(memory_format=memory_format)
    found = back({'map': x})['map']
    assert found.equal(x)
    assert found.stride() == x.stride()


def test_rows_of_another_order_in_memory_fit():
    x = torch.randn(2, 3, 4, 5)
    layout = layout_of({'map': x.to(memory_format=torch.channels_last)})
    assert layout == layout_of({'map': x})
    rows = [torch.from_numpy(array.copy()) for array in pack(layout, {'map': x})]
    assert unpack(layout, rows)['map'].equal(x)


def test_a_row_has_the_bytes_of_its_sample():
    x = torch.arange(6, dtype=torch.float32).view(2, 3)
    [rows] = pack(layout_of({'feat': x}), {'feat': x})
    assert np.array_equal(rows[1], np.frombuffer(np.float32([3, 4, 5]).tobytes(), np.uint8))


def test_json_keeps_a_leaf():
    [leaf] = layout_of({'stages': [torch.ones(1, 3, 4, 5, dtype=torch.bfloat16).to(memory_format=torch.channels_last)]})
    found = Leaf.from_json(leaf.to_json())
    assert (found, found.order, str(found)) == (leaf, (1, 2, 0), 'stages[0] [3, 4, 5] bfloat16')
    assert leaf.nbytes == 120


@pytest.mark.parametrize('change', [{'dtype': 'nn'}, {'dtype': 'float33'}, {'order': [0, 0]}, {'shape': 3}])
def test_json_that_is_no_leaf_is_refused(change):
    entry = Leaf('feat', None, (2, 3), torch.float32, (0, 1)).to_json() | change
    with pytest.raises((AttributeError, TypeError, ValueError)):
        Leaf.from_json(entry)
