"""Mean IoU with the per-class figures kept for the report."""

import numpy as np
from mmseg.evaluation import IoUMetric

from fdkd.registry import METRICS


@METRICS.register_module()
class SegmentationMetric(IoUMetric):
    """MMSegmentation's mIoU, mean accuracy and pixel accuracy (in %, two decimals), without its table per validation.

    After an evaluation ``per_class`` holds, for each class name, IoU and accuracy in % (NaN for a class that neither
    truth nor prediction contains; such classes do not count in the means).
    """

    per_class: dict[str, dict[str, float]]

    def compute_metrics(self, results: list) -> dict[str, float]:
        areas = [sum(parts) for parts in zip(*results, strict=True)]
        metrics = self.total_area_to_metrics(*areas, metrics=self.metrics)
        overall = metrics.pop('aAcc')
        classes = self.dataset_meta['classes']
        self.per_class = {
            name: {key: 100 * float(values[index]) for key, values in metrics.items()}
            for index, name in enumerate(classes)
        }
        means = {f'm{key}': np.nanmean(values) for key, values in metrics.items()}
        return {name: round(100 * float(value), 2) for name, value in {**means, 'aAcc': overall}.items()}
