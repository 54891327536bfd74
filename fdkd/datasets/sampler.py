"""A sampler whose order depends on the seed and the epoch alone, and that can start in the middle of an epoch."""

import itertools
from collections.abc import Iterator, Sized

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from fdkd.datasets.base import SampleKey
from fdkd.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class EpochSampler(Sampler):
    """Shuffles per epoch, deals the samples to the ranks in turn, and hands out :class:`SampleKey`.

    Global batch ``b`` of ``world_size`` ranks holds the same samples as batch ``b`` of one process with the same total
    batch size, since rank ``r`` takes every ``world_size``-th sample from ``r`` on. The order is filled up from its own
    beginning to a multiple of the world size.

    Args:
        dataset: Data set to sample from.
        shuffle: Whether to shuffle, anew in each epoch.
        seed: Seed of the order and, through the keys, of the augmentation. ``None`` draws one and shares it.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.size = len(dataset)
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch of the next iteration."""
        self.epoch = epoch

    def skip(self, samples: int) -> None:
        """Lets the next iteration, and only that, leave out this rank's first ``samples`` samples."""
        self.start = samples

    def __len__(self) -> int:
        return -(-self.size // self.world_size)

    def __iter__(self) -> Iterator[SampleKey]:
        order = list(range(self.size))
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(self.size).tolist()
        filled = itertools.islice(itertools.cycle(order), len(self) * self.world_size)
        mine = list(filled)[self.rank :: self.world_size][self.start :]
        self.start = 0
        return (SampleKey(index, self.epoch, self.seed) for index in mine)
