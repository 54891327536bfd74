"""Mean IoU with the figures per class and per image kept for the report."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmseg.evaluation import IoUMetric

from fdkd.registry import METRICS

_COUNTS = ('intersection', 'union', 'predicted', 'labelled')


@METRICS.register_module()
class SegmentationMetric(IoUMetric):
    """MMSegmentation's mIoU, mean accuracy and pixel accuracy (in %, two decimals), without its table per validation.

    Attributes after an evaluation, on the main process alone:
        per_class: For each class name IoU and accuracy in % (NaN for a class that neither truth nor prediction
            contains; such classes do not count in the means).
        images: ``ids`` ``[N]`` and, for each image and class, the numbers of pixels: ``labelled`` of this class,
            ``predicted`` as it, and both (``intersection``), int64 ``[N, K]``, in the data set's order. Void pixels
            (255) count nowhere. Their sums over the images are what the metric is computed from.
    """

    default_prefix = ''  # names stay as they are, and MMEngine does not warn that none is set
    per_class: dict[str, dict[str, float]]
    images: dict[str, np.ndarray]

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        known = len(self.results)
        super().process(data_batch, data_samples)
        counted = zip(data_samples, self.results[known:], strict=True)
        # Arrays, since pickled tensors, as other ranks send them, take the main process 75 times as long to read.
        self.results[known:] = [(sample['sample_id'], *(x.numpy() for x in counts)) for sample, counts in counted]

    def compute_metrics(self, results: list) -> dict[str, float]:
        ids, *counts = zip(*results, strict=True)
        counts = {name: torch.from_numpy(np.stack(part)).long() for name, part in zip(_COUNTS, counts, strict=True)}
        # MMSegmentation's counts are float32, in which sums over a data set of more than 2^24 pixels would be rounded.
        totals = [part.sum(0).double() for part in counts.values()]
        self.images = {'ids': np.array(ids), **{name: counts[name].numpy() for name in _COUNTS if name != 'union'}}
        metrics: dict[str, Any] = self.total_area_to_metrics(*totals, metrics=self.metrics)
        overall = metrics.pop('aAcc')
        classes = self.dataset_meta['classes']
        self.per_class = {
            name: {key: 100 * float(values[index]) for key, values in metrics.items()}
            for index, name in enumerate(classes)
        }
        means = {f'm{key}': np.nanmean(values) for key, values in metrics.items()}
        return {name: round(100 * float(value), 2) for name, value in {**means, 'aAcc': overall}.items()}
