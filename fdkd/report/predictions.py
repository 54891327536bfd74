"""What a classification run predicted: ``predictions.csv``."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fdkd.errors import DataError

COLUMNS = ['sample_id', 'label', 'predicted', 'score']
MISTAKES = 10


@dataclass(frozen=True)
class Prediction:
    """A test sample: names of its true and its predicted class, and the probability of the latter."""

    sample_id: str
    label: str  # empty where the sample has none
    predicted: str
    score: float


def read_predictions(path: Path, problems: list[str]) -> list[Prediction]:
    """The rows of ``predictions.csv``.

    Args:
        path: The file.
        problems: Gets a message if rows cannot be read; they are left out.

    Raises:
        DataError: If it is no such file.
    """
    predictions, damaged = [], []
    try:
        with path.open(encoding='utf-8', newline='') as file:
            reader = csv.reader(file)
            if (head := next(reader, [])) != COLUMNS:
                raise DataError(f'{path}: the first line is {",".join(head)!r}, expected {",".join(COLUMNS)}; left out')
            for row in reader:
                try:
                    sample_id, label, predicted, score = row
                    predictions.append(Prediction(sample_id, label, predicted, float(score)))
                except ValueError:
                    damaged.append(reader.line_num)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f'{path}: damaged ({error}); left out') from error
    if damaged:
        problems.append(f'{path}: {len(damaged)} row(s) are cut off or damaged, first line {damaged[0]}; left out')
    return predictions


def mistakes(predictions: Sequence[Prediction]) -> list[Prediction]:
    """The wrong predictions with the highest score, at most 10; samples without a label are never wrong."""
    wrong = [sample for sample in predictions if sample.label and sample.label != sample.predicted]
    return sorted(wrong, key=lambda sample: -sample.score)[:MISTAKES]


def confusion(predictions: Sequence[Prediction], classes: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Which class is taken for which.

    Args:
        predictions: Of which those without a label count nothing.
        classes: Names of the classes, in their order; others that occur are added behind.

    Returns:
        All names, and counts ``[K, K]``: rows are the truth, columns the prediction.
    """
    pairs = [(sample.label, sample.predicted) for sample in predictions if sample.label]
    names = list(dict.fromkeys([*classes, *sorted({name for pair in pairs for name in pair})]))
    counts = np.zeros((len(names), len(names)), np.int64)
    position = {name: index for index, name in enumerate(names)}
    for truth, predicted in pairs:
        counts[position[truth], position[predicted]] += 1
    return names, counts
