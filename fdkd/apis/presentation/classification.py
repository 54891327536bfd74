"""What a classification run shows: accuracy per class, confusion matrices, and every prediction of the student."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from fdkd.algorithms import Algorithm
from fdkd.apis.presentation.layout import side_by_side
from fdkd.evaluation import ClassificationMetric
from fdkd.evaluation.confusion import write_confusion
from fdkd.labels import UNLABELLED

PICTURE_FILE = 'confusion.png'
PREDICTIONS_FILE = 'predictions.csv'
_HEAD = 'accuracy_'


def table(results: dict[str, Any]) -> str:
    """Per-class accuracy, then accuracy, macro F1 and the accuracy of each further head: the student beside its
    teacher. Classes without test samples are left out."""
    heads = [name for name in results['student']['metrics'] if name.startswith(_HEAD)]
    titles = {name: f'accuracy, {name.removeprefix(_HEAD)} head' for name in heads}
    return side_by_side(results, 'accuracy (%)', 'accuracy', {'accuracy': 'accuracy', 'macro_f1': 'macro F1', **titles})


def draw(cfg: Config, models: dict[str, Algorithm], metrics: dict[str, ClassificationMetric], folder: Path) -> None:
    """Writes the confusion matrix of each model, side by side, and the student's predictions."""
    classes = metrics['student'].dataset_meta['classes']
    matrices = {f'{name} ({model.modality})': metrics[name].confusion for name, model in models.items()}
    write_confusion(folder / PICTURE_FILE, matrices, classes)
    write_predictions(folder / PREDICTIONS_FILE, metrics['student'].predictions, classes)


def write_predictions(path: Path, predictions: Iterable[dict[str, Any]], classes: Sequence[str]) -> None:
    """Writes a CSV file with the columns ``sample_id,label,predicted,score``, in one step.

    Args:
        path: File to write.
        predictions: As :class:`~fdkd.evaluation.ClassificationMetric` keeps them.
        classes: Names of the classes, which stand for the numbers; a sample without a label has an empty one.
    """
    partial = path.with_name(f'{path.name}.partial')
    with partial.open('w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(['sample_id', 'label', 'predicted', 'score'])
        for sample in predictions:
            label = '' if sample['label'] == UNLABELLED else classes[sample['label']]
            writer.writerow([sample['sample_id'], label, classes[sample['predicted']], f'{sample["score"]:.6f}'])
    partial.replace(path)
