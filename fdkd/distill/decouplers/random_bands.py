"""A control of the Fourier decoupler: two bands of the same sizes, whose bins are drawn instead of low and high.

Both parts of FD-CMKD stay as they are, standardisation, logarithm and classifiers included; all that goes is the order
of the frequencies.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fdkd.distill.decouplers.fourier import FourierDecoupler, keep_bins, low_mask
from fdkd.registry import DECOUPLERS


@DECOUPLERS.register_module()
class RandomBandDecoupler(FourierDecoupler):
    """Splits a feature's spectrum at random, once and for all, into as many low and high bins as a cutoff would.

    ``low + high + mean == x``, as of :class:`~fdkd.distill.decouplers.fourier.FourierDecoupler`. A bin and its mirror
    image, which a real signal shares, count as one and stay together; of 512 channels, 128 of the 256 bins beside DC
    make up the 'low' band.

    Args:
        seed: Seed of the split, which depends on it, on the lengths of the decoupling axes, and on ``cutoff`` and
            ``mask``, which set the number of bins.
        **kwargs: As of :class:`~fdkd.distill.decouplers.fourier.FourierDecoupler`.

    Example:
        >>> x = torch.tensor([[4.0, 1.0, 2.0, 9.0]])
        >>> low, high = RandomBandDecoupler(seed=1)(x)
        >>> [round(v, 4) for v in (low + high + x.mean())[0].tolist()]
        [4.0, 1.0, 2.0, 9.0]
    """

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed

    def smooth(self, x: Tensor, dims: tuple[int, ...]) -> Tensor:
        """``x`` with the bins of the 'low' band along ``dims``, DC included. ``x`` is at least float32."""
        sizes = tuple(x.shape[dim] for dim in dims)
        return keep_bins(x, dims, random_mask(sizes, self.cutoff, self.mask, self.seed, x.device))


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def random_mask(sizes: tuple[int, ...], cutoff: float, mask: str, seed: int, device: torch.device) -> Tensor:
    """As :func:`~fdkd.distill.decouplers.fourier.low_mask`, with DC and as many other bins, which are drawn."""
    index = np.arange(math.prod(sizes)).reshape(sizes)
    mirrored = np.roll(np.flip(index), 1, axis=tuple(range(len(sizes))))
    wave = np.minimum(index, mirrored)[..., : sizes[-1] // 2 + 1]  # one number for a bin and its mirror image
    low = np.unique(wave[low_mask(sizes, cutoff, mask).numpy()])
    # RandomState and not a Generator: NumPy promises that its numbers never change between versions.
    drawn = np.random.RandomState(seed).permutation(np.unique(wave)[1:])[: len(low) - 1]
    return torch.from_numpy(np.isin(wave, [0, *drawn])).to(device)
