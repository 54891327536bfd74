"""What a pipeline made of a sample, as bytes: arrays and plain values alone, so that reading runs no code."""

import json
import math
import struct
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fdkd.errors import ConfigError

#: Length of the description.
_HEAD = struct.Struct('<I')
_PLAIN = (str, int, float, bool, type(None))


def encode(value: Any) -> bytes:
    """Bytes from which :func:`decode` makes an equal value.

    Args:
        value: Arrays and scalars of NumPy, tensors on the CPU, strings, numbers, ``None``, and lists, tuples and dicts
            (with strings as keys) of these.

    Raises:
        ConfigError: If something else is in it; the message says where.
    """
    arrays: list[np.ndarray] = []
    tree = _describe(value, arrays, 'results')
    dense = [array.copy(order='K') for array in arrays]
    described = [[a.dtype.str, a.shape, _strides(a, b)] for a, b in zip(arrays, dense, strict=True)]
    text = json.dumps([tree, described], separators=(',', ':')).encode()
    return b''.join([_HEAD.pack(len(text)), text, *(array.ravel(order='K').data for array in dense)])


def decode(data: bytes | memoryview) -> Any:
    """The value that :func:`encode` was given: of the same types, with arrays of its own in the same memory order."""
    start = _HEAD.size + _HEAD.unpack_from(data)[0]
    tree, described = json.loads(bytes(data[_HEAD.size : start]))
    arrays = []
    for kind, shape, strides in described:
        block = np.frombuffer(data, kind, math.prod(shape), start).copy()
        start += block.nbytes
        arrays.append(np.ndarray(shape, kind, block, strides=strides))
    return _restore(tree, arrays)


def _strides(array: np.ndarray, dense: np.ndarray) -> tuple[int, ...]:
    """The steps in memory between neighbours: those of ``array``, unless it has gaps or repetitions."""
    axes = zip(array.shape, array.strides, dense.strides, strict=True)
    return array.strides if all(size == 1 or step == own for size, step, own in axes) else dense.strides


def _describe(value: Any, arrays: list[np.ndarray], place: str) -> Any:
    """``value`` with its arrays moved to ``arrays``; everything but a plain value becomes ``[kind, content]``."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind in (list, tuple):
        items = [_describe(item, arrays, f'{place}[{index}]') for index, item in enumerate(value)]
        return [kind.__name__, items]
    if kind is dict and all(type(key) is str for key in value):
        return ['dict', {key: _describe(item, arrays, f'{place}[{key!r}]') for key, item in value.items()}]
    if kind is Tensor and value.device.type == 'cpu' and not value.requires_grad and value.dtype != torch.bfloat16:
        arrays.append(value.numpy())
        return ['tensor', len(arrays) - 1]
    if (kind is np.ndarray or isinstance(value, np.generic)) and value.dtype.kind in 'biufc':
        arrays.append(np.asarray(value))
        return ['array' if kind is np.ndarray else 'scalar', len(arrays) - 1]
    raise ConfigError(
        f'cache: {place} is a {kind.__module__}.{kind.__qualname__}, which cannot be kept; expected arrays, tensors, '
        'strings, numbers and lists, tuples and dicts of these'
    )


def _restore(node: Any, arrays: list[np.ndarray]) -> Any:
    if not isinstance(node, list):
        return node
    kind, content = node
    if kind == 'dict':
        return {key: _restore(item, arrays) for key, item in content.items()}
    if kind in ('list', 'tuple'):
        items = [_restore(item, arrays) for item in content]
        return items if kind == 'list' else tuple(items)
    array = arrays[content]
    return {'array': lambda: array, 'scalar': lambda: array[()], 'tensor': lambda: torch.from_numpy(array)}[kind]()
