"""Which samples of a batch have what: labels, and rows of the teacher's modality."""

from collections.abc import Mapping

import torch
from torch import Tensor

from fdkd.distill.terms import Feature
from fdkd.errors import LossError


def paired_rows(data_samples: list, modality: str, device: torch.device) -> Tensor:
    """The places in the batch of the samples that have ``modality``; those that do not say what they have, have all.

    How many there are is known on the host, from the samples' metainfo, and the places are sent to ``device`` without
    waiting for it.
    """
    has = [modality in sample.metainfo.get('present', (modality,)) for sample in data_samples]
    rows = torch.tensor([row for row, there in enumerate(has) if there], dtype=torch.int64)
    return (rows.pin_memory() if device.type == 'cuda' else rows).to(device, non_blocking=True)


def select_rows(features: Mapping[str, Feature], rows: Tensor, samples: int) -> dict[str, Feature]:
    """The rows of every feature, along the first dimension.

    Raises:
        LossError: If a feature has another number of rows than the batch has ``samples``.
    """

    def select(tap: str, x: Tensor) -> Tensor:
        if len(x) != samples:
            raise LossError(
                f'the tap {tap!r} has {len(x)} rows for {samples} samples, of which some lack the teacher: choose a '
                "tap with one row a sample, such as 'feat', or leave out samples with gaps"
            )
        return x[rows]

    return {
        tap: [select(tap, x) for x in feature] if isinstance(feature, list) else select(tap, feature)
        for tap, feature in features.items()
    }


def labels(data_samples: list) -> Tensor:
    """The batch's labels: classes ``[N]``, -1 ignored, or label maps ``[N, H, W]``, 255 ignored."""
    if 'gt_label' in data_samples[0]:
        return torch.stack([sample.gt_label for sample in data_samples])
    return torch.cat([sample.gt_sem_seg.data for sample in data_samples])
