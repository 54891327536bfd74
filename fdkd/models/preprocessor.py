"""From a collated batch to normalised tensors on the model's device, modality by modality."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from fdkd.errors import ConfigError, DataError
from fdkd.labels import VOID
from fdkd.models.padding import PADDING
from fdkd.registry import MODELS


class Normalizer(nn.Module):
    """``(clip(x) - mean) / std`` per channel; pixels that equal ``hole`` become 0, the mean of what is normalised.

    Args:
        mean: Per channel, in the input's unit.
        std: Per channel, above 0.
        clip: Lowest and highest value kept; ``None`` keeps all.
        hole: The value that marks a missing measurement; ``None`` for sensors without holes.

    Raises:
        ConfigError: If ``mean`` and ``std`` are of different lengths, or a ``std`` is not above 0.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        clip: tuple[float, float] | None = None,
        hole: float | None = None,
    ) -> None:
        super().__init__()
        if len(mean) != len(std) or not all(value > 0 for value in std):
            raise ConfigError(f'mean={list(mean)}, std={list(std)}: expected as many of each, and every std above 0')
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)
        self.clip, self.hole = clip, hole

    def forward(self, x: Tensor) -> Tensor:
        """Normalises ``[..., C, H, W]`` (images, frames of clips), or vectors ``[N, C]``, of any dtype to float32.

        Raises:
            DataError: If there are other channels than means; a single mean serves any number of them.
        """
        channels, vectors = len(self.mean), x.ndim == 2
        if x.ndim < 2 or channels not in (1, x.shape[-1 if vectors else -3]):
            raise DataError(
                f'a batch of the shape {tuple(x.shape)} cannot be normalised by {channels} means, one a channel: '
                'correct data_preprocessor.modalities, or the data'
            )
        raw = x.float()
        clipped = raw if self.clip is None else raw.clamp(*self.clip)
        mean, std = (self.mean.flatten(), self.std.flatten()) if vectors else (self.mean, self.std)
        normalized = (clipped - mean) / std
        return normalized if self.hole is None else normalized.masked_fill(raw == self.hole, 0)


class Float(nn.Module):
    """Casts to float32: for what its pipeline has standardised already."""

    def forward(self, x: Tensor) -> Tensor:
        return x.float()


class Tokens(nn.Module):
    """Leaves token ids, int64 ``[N, L]``, as they are; shorter texts have been filled up with :data:`PADDING`."""

    def forward(self, x: Tensor) -> Tensor:
        return x


@MODELS.register_module()
class MultimodalPreprocessor(BaseDataPreprocessor):
    """Stacks each modality's samples, moves them to the device and normalises them there.

    Where a sample lacks a modality, ``inputs`` of that modality has a row less; the samples' ``present`` says whose.
    Samples are moved one by one, before they are stacked: the loader pins them, and only from pinned memory does a copy
    to a GPU not hold up the host.

    Args:
        modalities: For each modality the arguments of its :class:`Normalizer`; or none, to cast to float32 alone; or
            ``tokens=True`` for token ids, which stay int64 and are filled up on the right, with
            :data:`~fdkd.models.padding.PADDING`, to the longest text of the batch.

    Attributes:
        memory_format: Of images, also those of clips; ``torch.channels_last`` for networks that are kept in it.

    Raises:
        DataError: If the samples of a batch differ in size, a modality has no normalisation, or, in training, every
            label of the batch is void.
    """

    def __init__(self, modalities: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(non_blocking=True)
        self.memory_format = torch.preserve_format
        self.normalizers = nn.ModuleDict({name: _entry(settings) for name, settings in modalities.items()})

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        samples = data['data_samples']
        if training:
            _refuse_all_void(samples)
        batch = self.cast_data({'inputs': data['inputs'], 'data_samples': samples})
        stacked = {name: self._stack(name, tensors, samples) for name, tensors in batch['inputs'].items()}
        batch['inputs'] = {name: self._laid_out(self.normalizers[name](x)) for name, x in stacked.items()}
        return batch

    def _laid_out(self, x: Tensor) -> Tensor:
        """``[..., C, H, W]`` in the memory format; anything of fewer dimensions as it is."""
        if self.memory_format is torch.preserve_format or x.ndim < 4:
            return x
        return x.flatten(0, -4).contiguous(memory_format=self.memory_format).view(x.shape)

    def _stack(self, name: str, tensors: list[Tensor], samples: list) -> Tensor:
        if name not in self.normalizers:
            raise DataError(f'modality {name!r} has no entry in data_preprocessor.modalities {list(self.normalizers)}')
        if isinstance(self.normalizers[name], Tokens):
            return pad_sequence(tensors, batch_first=True, padding_value=PADDING)
        if len({x.shape for x in tensors}) > 1:
            raise DataError(_unequal(name, tensors, [s for s in samples if _has(s, name)]))
        return torch.stack(tensors)


def _entry(settings: Mapping[str, Any]) -> nn.Module:
    if not settings:
        return Float()
    return Tokens() if settings == {'tokens': True} else Normalizer(**settings)


def _has(sample: BaseDataElement, part: str) -> bool:
    """Whether the sample has a modality or ``'label'``; one that does not say has all."""
    return part in sample.metainfo.get('present', (part,))


def _unequal(name: str, tensors: list[Tensor], samples: list[BaseDataElement]) -> str:
    """Who has another shape than most, and what to do about it."""
    by_shape: dict[tuple[int, ...], list[BaseDataElement]] = {}
    for x, sample in zip(tensors, samples, strict=True):
        by_shape.setdefault(tuple(x.shape), []).append(sample)
    *odd, (usual, most) = sorted(by_shape.items(), key=lambda item: len(item[1]))
    told = [f'{_ids(few)} {"have" if len(few) > 1 else "has"} {shape}' for shape, few in odd]
    told.append(f'the other {len(most)} have {usual}' if len(most) > 1 else f'{_ids(most)} has {usual}')
    file = 'correct the file, or cut or pad them in a step of your own'
    if tensors[0].dtype == torch.uint8:
        todo = 'add a Resize to the pipeline'
    elif len(usual) == 1:
        todo = f'{file}; for sound, give LoadAudio `seconds`'
    else:
        todo = f'for pictures, add a Resize to the pipeline; for sound, give LoadAudio `seconds`; for arrays, {file}'
    return f'{name}: {", ".join(told)}, which makes no batch: {todo}'


def _ids(samples: Iterable[BaseDataElement]) -> str:
    return ', '.join(sample.metainfo['sample_id'] for sample in samples)


def _refuse_all_void(samples: list[BaseDataElement]) -> None:
    """Without one labelled pixel a step would train on nothing. The labels are still on the host here.

    Samples that never had a label are no mistake: they learn from the teacher alone.
    """
    if all(
        _has(sample, 'label') and 'gt_sem_seg' in sample and (sample.gt_sem_seg.data == VOID).all()
        for sample in samples
    ):
        raise DataError(f'every pixel of the batch is void; its samples are {_ids(samples)}: check their label maps')
