"""What a classification run shows: accuracy per class, confusion matrices, every prediction of the student, and some of
the samples."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from mmengine.config import Config
from torch.utils.data import Dataset

from fdkd.algorithms import Algorithm
from fdkd.apis.evaluate import test_set
from fdkd.apis.presentation.layout import side_by_side
from fdkd.datasets.transforms.text import mended
from fdkd.evaluation import ClassificationMetric
from fdkd.evaluation.confusion import write_confusion
from fdkd.evaluation.samples import Answer, Sample, View, choose, image, write_samples
from fdkd.files import written_whole
from fdkd.labels import UNLABELLED

PICTURE_FILE = 'confusion.png'
PREDICTIONS_FILE = 'predictions.csv'
SAMPLES_FILE = 'samples.png'
_HEAD = 'accuracy_'


def table(results: dict[str, Any]) -> str:
    """Per-class accuracy, then accuracy, macro F1 and the accuracy of each further head: the student beside its
    teacher. Classes without test samples are left out."""
    heads = [name for name in results['student']['metrics'] if name.startswith(_HEAD)]
    titles = {name: f'accuracy, {name.removeprefix(_HEAD)} head' for name in heads}
    return side_by_side(results, 'accuracy (%)', 'accuracy', {'accuracy': 'accuracy', 'macro_f1': 'macro F1', **titles})


def draw(cfg: Config, models: dict[str, Algorithm], metrics: dict[str, ClassificationMetric], folder: Path) -> None:
    """Writes the confusion matrix of each model, side by side, the student's predictions, and a picture of samples."""
    classes = metrics['student'].dataset_meta['classes']
    matrices = {f'{name} ({model.modality})': metrics[name].confusion for name, model in models.items()}
    write_confusion(folder / PICTURE_FILE, matrices, classes)
    write_predictions(folder / PREDICTIONS_FILE, metrics['student'].predictions, classes)
    spread, mistakes = choose(metrics['student'].predictions)
    groups = {'Spread over the test set': spread, 'Further mistakes of the student': mistakes}
    album = _Album(cfg, models, metrics)
    write_samples(
        folder / SAMPLES_FILE, {title: [album.sample(index) for index in chosen] for title, chosen in groups.items()}
    )


def write_predictions(path: Path, predictions: Iterable[dict[str, Any]], classes: Sequence[str]) -> None:
    """Writes a CSV file with the columns ``sample_id,label,predicted,score``, in one step.

    Args:
        path: File to write.
        predictions: As :class:`~fdkd.evaluation.ClassificationMetric` keeps them.
        classes: Names of the classes, which stand for the numbers; a sample without a label has an empty one.
    """
    with written_whole(path) as partial, partial.open('w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(['sample_id', 'label', 'predicted', 'score'])
        for sample in predictions:
            label = '' if sample['label'] == UNLABELLED else classes[sample['label']]
            writer.writerow([sample['sample_id'], label, classes[sample['predicted']], f'{sample["score"]:.6f}'])


class _Album:
    """The samples of the student's test set in the modalities of all models; a teacher may lack some of them."""

    def __init__(self, cfg: Config, models: dict[str, Algorithm], metrics: dict[str, ClassificationMetric]) -> None:
        self.models, self.metrics = models, metrics
        self.classes = metrics['student'].dataset_meta['classes']
        self.sets = {model.modality: test_set(cfg, model.modality) for model in models.values()}
        self.places = {
            name: {found['sample_id']: place for place, found in enumerate(metrics[name].predictions)}
            for name in models
        }

    def sample(self, index: int) -> Sample:
        """The sample at ``index`` of the student's test set."""
        found = self.metrics['student'].predictions[index]
        sample_id, label = found['sample_id'], found['label']
        views, answers = {}, []
        for name, model in self.models.items():
            place = self.places[name].get(sample_id)
            views[model.modality] = _view(self.sets[model.modality], place, model.modality)
            if place is not None:
                said = self.metrics[name].predictions[place]
                title = f'{name} ({model.modality})'
                answers.append(Answer(title, self.classes[said['predicted']], said['score']))
        return Sample(sample_id, None if label == UNLABELLED else self.classes[label], list(views.values()), answers)


def _view(dataset: Dataset, place: int | None, modality: str) -> View:
    """The sample at ``place`` as its model is given it, but a text as it was before its words became numbers."""
    if place is None:
        return View(modality, None)
    source, x = dataset.get_data_info(place).get(modality), dataset[place]['inputs'][modality]
    x = x.numpy()
    if isinstance(source, str) and x.ndim == 1 and np.issubdtype(x.dtype, np.integer):
        return View(modality, mended(source))
    heard = isinstance(source, str) and Path(source).suffix[1:].upper() in soundfile.available_formats()
    spectrum = heard and x.ndim > 1
    return View(f'{modality}\nfrequency →' if spectrum else modality, image(x, upward=spectrum))
