"""Which samples of a batch have what: labels, and rows of the teacher's modality."""

from collections.abc import Mapping

import torch
from torch import Tensor

from fdkd.distill.terms import Feature


def paired_rows(data_samples: list, modality: str) -> list[int]:
    """The places in the batch of the samples that have ``modality``; those that do not say what they have, have all.

    It is known on the host, from the samples' metainfo, so that choosing rows waits for no device.
    """
    return [row for row, sample in enumerate(data_samples) if modality in sample.metainfo.get('present', (modality,))]


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
