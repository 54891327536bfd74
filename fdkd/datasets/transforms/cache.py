"""Results of transforms kept on disk, for what is slow and comes out the same every time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fdkd.datasets.prefix import chain_identity, file_state, result_key
from fdkd.datasets.stores import DiskStore
from fdkd.datasets.transforms.modality import ModalityTransform
from fdkd.errors import ConfigError
from fdkd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class Cached(ModalityTransform):
    """Applies a chain of transforms of one modality, once per sample: later calls read the result from ``folder``.

    A result belongs to the chain (:func:`~fdkd.datasets.prefix.chain_identity`), the sample's id and the modality's
    value: of a file also its size and time of change, of a folder those of its files. It has the numbers that the chain
    gives, as a tensor. Several processes may share a folder; a damaged result is computed again.

    Args:
        modality: The modality.
        folder: Where results are kept; it is made if needed, and can be deleted at any time.
        transforms: Configs of the chain.

    Raises:
        ConfigError: If a transform of the chain draws random numbers, or belongs to another modality.
        DataError: If the folder cannot be written.
    """

    def __init__(self, modality: str, folder: str, transforms: Sequence[dict]) -> None:
        super().__init__(modality)
        self.store = DiskStore(folder)
        self.transforms = [TRANSFORMS.build(config) for config in transforms]
        for config, transform in zip(transforms, self.transforms, strict=True):
            if not isinstance(transform, ModalityTransform) or transform.modality != modality:
                raise ConfigError(
                    f'Cached: {config["type"]} is no transform of {modality!r}, as every one here must be'
                )
            if transform.random:
                raise ConfigError(f'Cached: {config["type"]} draws random numbers; put it behind Cached')
        self.chain = chain_identity(self.transforms, transforms)

    def apply(self, value: Any, sample_id: str) -> Tensor:
        key = result_key(self.chain, sample_id, value, file_state(value))
        result = self.store.get(key)
        if result is None:
            for transform in self.transforms:
                value = transform.apply(value, sample_id)
            result = value if isinstance(value, Tensor) else torch.from_numpy(np.asarray(value))
            self.store.put(key, result)
        return result
