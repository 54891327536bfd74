"""The samples that an exported student is compared on, and those that set the ranges of eight-bit integers."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from torch.utils.data import Dataset

from fdkd.apis.evaluate import test_set
from fdkd.apis.features import split_loader
from fdkd.apis.validate import dataset_classes
from fdkd.check.arrays import array_modalities, assumed_shape
from fdkd.check.inputs import Plan, generated_batch
from fdkd.datasets.collate import collate_pairs
from fdkd.errors import ExportError

#: Samples in a batch.
BATCH = 4
#: Generated samples, and training samples for calibration.
GENERATED, CALIBRATION = 8, 64


class Samples(NamedTuple):
    """Collated batches in the student's modality.

    Attributes:
        batches: As the data set's pipeline leaves them.
        labelled: Whether their labels mean something.
        metainfo: Of the data set.
        words: What they are.
    """

    batches: list[dict[str, Any]]
    labelled: bool
    metainfo: dict[str, Any]
    words: str

    def first(self) -> dict[str, Any]:
        """The first sample as a batch of its own."""
        inputs = {name: values[:1] for name, values in self.batches[0]['inputs'].items()}
        return {'inputs': inputs, 'data_samples': self.batches[0]['data_samples'][:1]}


def compared_samples(cfg: Config, modality: str, count: int) -> Samples:
    """``count`` samples spread over the test set; generated ones, where its folder is absent.

    Raises:
        DataError: If the folder is there and something is wrong with it.
    """
    root = cfg.test_dataloader.dataset.data_root
    if not Path(root).is_dir():
        words = f'compared on {GENERATED} generated samples, since {root} is not there'
        return Samples(_generated(cfg, modality), False, {}, words)
    dataset = test_set(cfg, modality)
    samples = _spread(dataset, count)
    batches = [collate_pairs(samples[start : start + BATCH]) for start in range(0, len(samples), BATCH)]
    return Samples(batches, True, dataset.metainfo, f'compared on {len(samples)} of {len(dataset)} test samples')


def calibration_samples(cfg: Config, modality: str) -> list[dict[str, Any]]:
    """Training samples, each a batch, spread over the training set and not augmented.

    Raises:
        ExportError: If the training set is absent.
    """
    root = cfg.train_dataloader.dataset.data_root
    if not Path(root).is_dir():
        raise ExportError(f'--int8 sets its ranges by training samples, and {root} is not there: see --data-root')
    dataset = split_loader(cfg, 'train', [modality]).dataset
    return [collate_pairs([sample]) for sample in _spread(dataset, CALIBRATION)]


def _spread(dataset: Dataset, count: int) -> list[dict[str, Any]]:
    return [dataset[int(index)] for index in np.linspace(0, len(dataset) - 1, min(count, len(dataset)))]


def _generated(cfg: Config, modality: str) -> list[dict[str, Any]]:
    student = cfg.model.get('student', cfg.model)
    pipeline = cfg.test_dataloader.dataset.pipeline
    arrays = {name: assumed_shape(student['model']) for name in array_modalities(pipeline, [modality])}
    made = generated_batch(pipeline, Plan((modality,), len(dataset_classes(cfg) or ' '), arrays), GENERATED)
    values = made['inputs'][modality]
    if values[0].dtype == torch.int64:  # texts: of different lengths, so that the mask counts
        values = [ids[: max(2, len(ids) * (number + 1) // GENERATED)] for number, ids in enumerate(values)]
    return [
        {'inputs': {modality: values[i : i + BATCH]}, 'data_samples': made['data_samples'][i : i + BATCH]}
        for i in range(0, GENERATED, BATCH)
    ]
