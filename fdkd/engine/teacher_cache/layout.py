"""How what a teacher's taps read becomes rows of bytes, one for each sample, and comes back bit by bit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fdkd.distill.terms import Feature


@dataclass(frozen=True)
class Leaf:
    """One tensor of a tap as it is kept.

    Args:
        tap: Name of the tap.
        place: Place in the list that the tap reads; ``None`` where it reads one tensor.
        shape: Of one sample.
        dtype: As the teacher gave it. Bytes are kept, so bfloat16, which NumPy lacks, needs nothing of its own.
        order: The dimensions of ``shape`` from the slowest to the fastest in memory. A loss adds numbers up in the
            order of memory, so that the same numbers in another order would give it another rounding.
    """

    tap: str
    place: int | None
    shape: tuple[int, ...]
    dtype: torch.dtype
    order: tuple[int, ...] = field(compare=False)

    @classmethod
    def of(cls, tap: str, place: int | None, x: Tensor) -> 'Leaf':
        """The leaf for a batch ``[N, *shape]`` like ``x``."""
        slowest_first = sorted(range(x.ndim - 1), key=lambda dim: -x.stride(dim + 1))
        return cls(tap, place, tuple(x.shape[1:]), x.dtype, tuple(slowest_first))

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> 'Leaf':
        """What :meth:`to_json` wrote.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: If it did not.
        """
        dtype, shape, order = getattr(torch, entry['dtype']), tuple(entry['shape']), tuple(entry['order'])
        sizes = all(type(size) is int and size >= 0 for size in shape)
        if not isinstance(dtype, torch.dtype) or not sizes or sorted(order) != list(range(len(shape))):
            raise ValueError(f'the leaf {dict(entry)} is no leaf')
        return cls(entry['tap'], entry['place'], shape, dtype, order)

    def to_json(self) -> dict[str, Any]:
        dtype = str(self.dtype).removeprefix('torch.')
        return {
            'tap': self.tap,
            'place': self.place,
            'shape': list(self.shape),
            'dtype': dtype,
            'order': list(self.order),
        }

    def __str__(self) -> str:
        name = self.tap if self.place is None else f'{self.tap}[{self.place}]'
        return f'{name} {list(self.shape)} {str(self.dtype).removeprefix("torch.")}'

    @property
    def nbytes(self) -> int:
        """Bytes of one row."""
        return prod(self.shape) * self.dtype.itemsize

    def pack(self, x: Tensor) -> np.ndarray:
        """``[N, *shape]`` on any device as uint8 ``[N, nbytes]``."""
        rows = x.permute(0, *(dim + 1 for dim in self.order)).reshape(len(x), -1)
        return as_bytes(rows)

    def unpack(self, rows: Tensor) -> Tensor:
        """uint8 ``[N, nbytes]`` as ``[N, *shape]``, without a copy."""
        x = rows.view(self.dtype).view(len(rows), *(self.shape[dim] for dim in self.order))
        return x.permute(0, *(self.order.index(dim) + 1 for dim in range(len(self.order))))


Layout = tuple[Leaf, ...]


def as_bytes(x: Tensor) -> np.ndarray:
    """``[N, D]`` of any type on any device as uint8 ``[N, D * itemsize]``."""
    # A tensor of one column counts as contiguous whatever its stride, and then cannot be viewed as bytes: hence a copy.
    return torch.empty(x.shape, dtype=x.dtype).copy_(x).view(torch.uint8).numpy()


def layout_of(features: Mapping[str, Feature]) -> Layout:
    """The leaves of what the taps read, tap by tap."""
    leaves = []
    for tap, feature in features.items():
        entries = enumerate(feature) if isinstance(feature, list) else [(None, feature)]
        leaves += [Leaf.of(tap, place, x) for place, x in entries]
    return tuple(leaves)


def pack(layout: Layout, features: Mapping[str, Feature]) -> list[np.ndarray]:
    """The bytes of what the taps read, uint8 ``[N, leaf.nbytes]`` for each leaf."""
    return [leaf.pack(features[leaf.tap] if leaf.place is None else features[leaf.tap][leaf.place]) for leaf in layout]


def unpack(layout: Layout, rows: Sequence[Tensor]) -> dict[str, Feature]:
    """What the taps read, from the bytes of each leaf."""
    features: dict[str, Feature] = {}
    for leaf, bytes_of_leaf in zip(layout, rows, strict=True):
        x = leaf.unpack(bytes_of_leaf)
        if leaf.place is None:
            features[leaf.tap] = x
        else:
            features.setdefault(leaf.tap, []).append(x)
    return features
