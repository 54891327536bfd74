"""A control of the Fourier decoupler: frequencies of a feature whose entries stand in another, arbitrary order.

Channels have no natural order, so the frequencies of a vector of channels mean no more than those of the same vector
shuffled. If shuffling them costs a student nothing, it was not frequency that helped.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fdkd.distill.decouplers.fourier import FourierDecoupler
from fdkd.registry import DECOUPLERS


@DECOUPLERS.register_module()
class PermutedDecoupler(FourierDecoupler):
    """:class:`~fdkd.distill.decouplers.fourier.FourierDecoupler` under a fixed random permutation.

    What is permuted are the positions along the decoupling axes: the channels of a vector, the steps of a sequence, the
    positions of a map (all ``H * W`` of them). Student and teacher are permuted alike, and the bands come back in the
    original order, so that ``low + high + mean == x`` and a classifier of a band finds every channel in its place.

    Args:
        seed: Seed of the permutation, which depends on it and on the number of positions alone.
        **kwargs: As of :class:`~fdkd.distill.decouplers.fourier.FourierDecoupler`.

    Example:
        >>> x = torch.tensor([[4.0, 1.0, 2.0, 9.0]])
        >>> low, high = PermutedDecoupler(seed=1)(x)
        >>> [round(v, 4) for v in (low + high + x.mean())[0].tolist()]
        [4.0, 1.0, 2.0, 9.0]
    """

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed

    def smooth(self, x: Tensor, dims: tuple[int, ...]) -> Tensor:
        """``x`` with the bins of the low band of its permutation, DC included. ``x`` is at least float32."""
        there, back = permutation(math.prod(x.shape[dim] for dim in dims), self.seed, x.device)
        return _reordered(super().smooth(_reordered(x, dims, there), dims), dims, back)


def _reordered(x: Tensor, dims: tuple[int, ...], order: Tensor) -> Tensor:
    return x.flatten(dims[0], dims[-1]).index_select(dims[0], order).view(x.shape)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def permutation(n: int, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """A random order of ``n`` positions, int64 ``[n]``, and the order that undoes it."""
    # RandomState and not a Generator: NumPy promises that its numbers never change between versions.
    order = torch.from_numpy(np.random.RandomState(seed).permutation(n).astype(np.int64))
    return order.to(device), order.argsort().to(device)
