"""Values come back as they were."""

import numpy as np
import pytest
import torch
from torchvision import tv_tensors

from fdkd.datasets.encoding import decode, encode
from fdkd.errors import ConfigError


def assert_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, torch.Tensor):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.stride() == other.stride() or not one.numel()
        assert torch.equal(one, other)
    elif isinstance(one, (np.ndarray, np.generic)):
        assert (one.dtype, one.shape, one.strides) == (other.dtype, other.shape, other.strides)
        assert np.array_equal(one, other)
    else:
        assert one == other


@pytest.mark.parametrize(
    'value',
    [
        {'sample_id': 'ä\0\udcff', 'present': ('rgb', 'label'), 'scale': (640, 480), 'ratio': 0.1, 'flip': True},
        {
            'seg_fields': ['depth', 'gt_seg_map'],
            'nested': [({'a': (1, [2.5])},)],
            'dict': {},
            'empty': (),
            'none': None,
        },
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.float32(1.5),
        np.array(2, np.int64),
        np.zeros((0, 3), np.float32),
        np.arange(4) > 1,
        np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0),
        torch.randn(2, 3, 5).mT,
        torch.tensor(3),
        torch.zeros(0, 2),
        torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        torch.randn(3).half(),
    ],
)
def test_values_come_back_with_type_and_memory_order(value):
    assert_same(decode(encode(value)), value)
    assert_same(decode(memoryview(encode({'a': value, 'b': [value]}))), {'a': value, 'b': [value]})


def test_what_comes_back_belongs_to_the_caller():
    data = encode({'array': np.ones(3), 'tensor': torch.ones(3)})
    found = decode(data)
    found['array'] *= 2
    found['tensor'] *= 2
    assert_same(decode(data), {'array': np.ones(3), 'tensor': torch.ones(3)})


def test_parts_of_arrays_and_repeated_rows_come_back_whole():
    wide = np.arange(20).reshape(4, 5)
    for part in (wide[:, 1:3], wide[::-1], np.broadcast_to(wide[0], (3, 5))):
        assert np.array_equal(decode(encode(part)), part)


@pytest.mark.parametrize(
    'value',
    [
        object(),
        {1: 'a'},
        np.array(['a']),
        np.array([None]),
        np.zeros(2, 'datetime64[s]'),
        torch.zeros(1, dtype=torch.bfloat16),
        torch.ones(1, requires_grad=True),
        torch.Size([1, 2]),
        tv_tensors.Image(torch.zeros(3, 2, 2)),
        np.ma.masked_array([1.0]),
        {1, 2},
    ],
)
def test_what_would_not_come_back_is_refused_with_its_place(value):
    with pytest.raises(ConfigError, match=r"cache: results\['img'\]\[1\] is a .*, which cannot be kept"):
        encode({'img': (0, value)})
