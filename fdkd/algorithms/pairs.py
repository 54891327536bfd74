"""Which samples of a batch have what: labels, and rows of the teacher's modality."""

from collections.abc import Mapping

import torch
from torch import Tensor

from fdkd.distill.terms import Feature
from fdkd.errors import LossError


def paired_places(data_samples: list, modality: str) -> list[int]:
    """The places in the batch of the samples that have ``modality``; those that do not say what they have, have all."""
    has = [modality in sample.metainfo.get('present', (modality,)) for sample in data_samples]
    return [place for place, there in enumerate(has) if there]


def on_device(places: list[int], device: torch.device) -> Tensor:
    """Places that are known on the host as an index on ``device``, sent without waiting for it."""
    rows = torch.tensor(places, dtype=torch.int64)
    return (rows.pin_memory() if device.type == 'cuda' else rows).to(device, non_blocking=True)


def per_sample(features: Mapping[str, Feature], samples: int) -> dict[str, Feature]:
    """Every feature with one row for each of ``samples``.

    Where a sample's frames pass a model one by one, a feature from within has a row for each frame; these are averaged,
    as a classifier does with the features that it classifies.

    Raises:
        LossError: If the rows of a feature are no multiple of ``samples``.
    """

    def averaged(tap: str, x: Tensor) -> Tensor:
        if len(x) == samples:
            return x
        if len(x) % samples:
            raise LossError(f'the tap {tap!r} has {len(x)} rows for {samples} samples, expected as many or a multiple')
        return x.unflatten(0, (samples, -1)).mean(1)

    return {
        tap: [averaged(tap, x) for x in feature] if isinstance(feature, list) else averaged(tap, feature)
        for tap, feature in features.items()
    }


def select_rows(features: Mapping[str, Feature], rows: Tensor) -> dict[str, Feature]:
    """The rows of every feature, along the first dimension."""
    return {
        tap: [x[rows] for x in feature] if isinstance(feature, list) else feature[rows]
        for tap, feature in features.items()
    }


def labels(data_samples: list) -> Tensor:
    """The batch's labels: classes ``[N]``, -1 ignored, or label maps ``[N, H, W]``, 255 ignored."""
    if 'gt_label' in data_samples[0]:
        return torch.stack([sample.gt_label for sample in data_samples])
    return torch.cat([sample.gt_sem_seg.data for sample in data_samples])
