"""Top-1 accuracy and macro F1, with the confusion matrix and every prediction kept for the report."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from fdkd.errors import ConfigError
from fdkd.evaluation.hits import pack_hits
from fdkd.labels import UNLABELLED
from fdkd.registry import METRICS


@METRICS.register_module()
class ClassificationMetric(BaseMetric):
    """Accuracy and macro F1 in %, two decimals, and ``accuracy_NAME`` for each further head that was asked.

    Macro F1 is the mean over the classes that truth or prediction contains. Samples without a label are predicted, but
    count in no figure; without a single label every figure is NaN.

    Attributes after an evaluation, on the main process alone:
        per_class: For each class name ``accuracy`` (recall), ``precision`` and ``f1`` in %, NaN where undefined, and
            ``count``, the number of its samples.
        confusion: Counts, int64 ``[K, K]``: rows are the truth, columns the prediction.
        per_sample: ``labelled``, the number of samples with a label, and ``hits``, which of these were predicted right,
            in the data set's order: :func:`~fdkd.evaluation.hits.unpack_hits` decodes it.
        predictions: For each sample, in the data set's order, ``sample_id``, ``label`` (-1 where it has none),
            ``predicted`` and ``score``, the probability of what is predicted.

    Raises:
        ConfigError: If a model scores another number of classes than the data set has.
    """

    default_prefix = ''  # names stay as they are, and MMEngine does not warn that none is set
    per_class: dict[str, dict[str, float]]
    confusion: np.ndarray
    per_sample: dict[str, Any]
    predictions: list[dict[str, Any]]

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        classes = len(self.dataset_meta['classes'])
        for sample in data_samples:
            scores, predicted = sample['pred_scores'], int(sample['pred_label'])
            if len(scores) != classes:
                raise ConfigError(
                    f'the model scores {len(scores)} classes, the data set has {classes}: set num_classes={classes}'
                )
            self.results.append(
                {
                    'sample_id': sample['sample_id'],
                    'label': int(sample['gt_label']),
                    'predicted': predicted,
                    'score': float(scores[predicted]),
                    'heads': {name: int(scores.argmax()) for name, scores in sample.get('head_scores', {}).items()},
                }
            )

    def compute_metrics(self, results: list) -> dict[str, float]:
        classes = self.dataset_meta['classes']
        self.predictions = [{key: value for key, value in result.items() if key != 'heads'} for result in results]
        labels, predicted = (np.array([result[key] for result in results], int) for key in ('label', 'predicted'))
        scored = labels != UNLABELLED
        self.confusion, figures = _figures(labels[scored], predicted[scored], len(classes))
        self.per_class = {
            name: {'accuracy': 100 * recall, 'precision': 100 * precision, 'f1': 100 * f1, 'count': int(count)}
            for name, precision, recall, f1, count in zip(
                classes, *(values.tolist() for values in figures), strict=True
            )
        }
        hits = (predicted == labels)[scored]
        self.per_sample = {'labelled': len(hits), 'hits': pack_hits(hits)}
        averaged = {'accuracy': hits, 'macro_f1': figures[2][~np.isnan(figures[2])]}
        for name in results[0]['heads'] if results else ():
            averaged[f'accuracy_{name}'] = (np.array([result['heads'][name] for result in results]) == labels)[scored]
        return {
            name: round(100 * float(values.mean()), 2) if len(values) else np.nan for name, values in averaged.items()
        }


def _figures(labels: np.ndarray, predicted: np.ndarray, classes: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The confusion matrix, and precision, recall, F1 and number of each class, NaN where undefined."""
    if not len(labels):  # which scikit-learn refuses
        undefined, none = np.full(classes, np.nan), np.zeros(classes, np.int64)
        return np.zeros((classes, classes), np.int64), (undefined, undefined, undefined, none)
    every = range(classes)
    figures = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=np.nan)
    return confusion_matrix(labels, predicted, labels=every), figures
