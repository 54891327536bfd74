"""From a collated batch to normalised tensors on the model's device, modality by modality."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor, nn

from fdkd.errors import DataError
from fdkd.registry import MODELS


class Normalizer(nn.Module):
    """``(clip(x) - mean) / std`` per channel; pixels that equal ``hole`` become 0, the mean of what is normalised.

    Args:
        mean: Per channel, in the input's unit.
        std: Per channel, above 0.
        clip: Lowest and highest value kept; ``None`` keeps all.
        hole: The value that marks a missing measurement; ``None`` for sensors without holes.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        clip: tuple[float, float] | None = None,
        hole: float | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)
        self.clip, self.hole = clip, hole

    def forward(self, x: Tensor) -> Tensor:
        """Normalises ``[N, C, H, W]`` of any dtype to float32."""
        raw = x.float()
        clipped = raw if self.clip is None else raw.clamp(*self.clip)
        normalized = (clipped - self.mean) / self.std
        return normalized if self.hole is None else normalized.masked_fill(raw == self.hole, 0)


@MODELS.register_module()
class MultimodalPreprocessor(BaseDataPreprocessor):
    """Stacks each modality's samples, moves them to the device and normalises them there.

    Args:
        modalities: For each modality the arguments of its :class:`Normalizer`.

    Raises:
        DataError: If the samples of a batch differ in size, a modality has no normalisation, or, in training, every
            label of the batch is void.
    """

    def __init__(self, modalities: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(non_blocking=True)
        self.normalizers = nn.ModuleDict({name: Normalizer(**settings) for name, settings in modalities.items()})

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        samples = data['data_samples']
        if training:
            _refuse_all_void(samples)
        stacked = {name: self._stack(name, tensors, samples) for name, tensors in data['inputs'].items()}
        batch = self.cast_data({'inputs': stacked, 'data_samples': samples})
        batch['inputs'] = {name: self.normalizers[name](x) for name, x in batch['inputs'].items()}
        return batch

    def _stack(self, name: str, tensors: list[Tensor], samples: list) -> Tensor:
        if name not in self.normalizers:
            raise DataError(f'modality {name!r} has no entry in data_preprocessor.modalities {list(self.normalizers)}')
        sizes = {tuple(x.shape) for x in tensors}
        if len(sizes) > 1:
            ids = ', '.join(sample.metainfo['sample_id'] for sample in samples)
            raise DataError(f'{name} of the samples {ids} has the shapes {sorted(sizes)}: add a Resize to the pipeline')
        return torch.stack(tensors)


def _refuse_all_void(samples: list) -> None:
    """Without one labelled pixel a step would train on nothing. The labels are still on the host here."""
    if all('gt_sem_seg' in sample and (sample.gt_sem_seg.data == 255).all() for sample in samples):
        ids = ', '.join(sample.metainfo['sample_id'] for sample in samples)
        raise DataError(f'every pixel of the batch is void; its samples are {ids}: check their label maps')
