"""Features of trained models over a data set: what taps read, sample by sample, without augmentation."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import DataLoader

from fdkd.algorithms import SingleModality
from fdkd.algorithms.pairs import labels, on_device, paired_places, per_sample, select_rows
from fdkd.algorithms.teacher import student_weights
from fdkd.apis.options import RunOptions
from fdkd.apis.teacher import complete_teachers
from fdkd.checkpoint import load_weights
from fdkd.distill.taps import TapReader, resolve_taps
from fdkd.distill.terms import Feature
from fdkd.engine.console import bar_over
from fdkd.errors import ConfigError, DataError
from fdkd.packaged import shown
from fdkd.printable import printable

Role = Literal['student', 'teacher']
Split = Literal['train', 'val', 'test']


@dataclass(frozen=True)
class Features:
    """What a model's taps read over a split, on the CPU, in the data set's order.

    Attributes:
        ids: The N samples' ids.
        labels: Their classes, int64 ``[N]``, -1 without a label; ``None`` for dense labels.
        classes: Names of the classes.
        modality: What the model sees.
        taps: By tap ``[N, ...]``, maps as maps; a list for a tap that reads several tensors.
    """

    ids: tuple[str, ...]
    labels: Tensor | None
    classes: tuple[str, ...]
    modality: str
    taps: dict[str, Feature]


class FeatureBatch(NamedTuple):
    """What the taps of one or more models read in one batch, for the samples that have the modalities of all.

    Attributes:
        ids: The n samples' ids.
        labels: Their classes ``[n]``; ``None`` for dense labels.
        features: For each model, by tap.
    """

    ids: list[str]
    labels: Tensor | None
    features: list[dict[str, Feature]]


class TrainedModel:
    """One trained model of a config, and the taps to read in it.

    Args:
        cfg: Loaded config of a unimodal run, or of a pair.
        checkpoint: The model's weights: ``student.pth`` of the run that trained it, or a full checkpoint.
        taps: Names or paths of taps, as losses name them.
        role: Which model of a pair.
        options: Options that ``cfg`` was loaded with; they decide where a teacher's text model comes from.
        unsafe_checkpoint: Unpickle the checkpoint without restriction.

    Raises:
        ConfigError: If there is no such model or tap.
        CheckpointError: If the checkpoint does not fit the model.
    """

    def __init__(
        self,
        cfg: Config,
        checkpoint: str | Path,
        taps: Sequence[str] = ('feat',),
        role: Role = 'student',
        options: RunOptions | None = None,
        unsafe_checkpoint: bool = False,
    ) -> None:
        node = _model_config(cfg, role, options or RunOptions())
        self.modality = node.modality
        self.algorithm = SingleModality(node.modality, node.model, cfg.model.get('data_preprocessor'))
        network = self.algorithm.student
        weights = student_weights(
            checkpoint, node.modality, getattr(network, 'num_classes', None), unsafe=unsafe_checkpoint
        )
        load_weights(network, weights, checkpoint)
        self.algorithm.to(torch.device(get_device())).eval()
        self._reader = TapReader(network, resolve_taps(network, taps, node.get('taps')), stop_early=True)

    def read(self, inputs: Tensor) -> dict[str, Feature]:
        """What the taps read of the preprocessed ``inputs``, a row for each sample."""
        read = self._reader.run(self.algorithm.student, inputs, mode='tensor')[1]
        return per_sample(read, len(inputs))


def read_features(
    cfg: Config,
    checkpoint: str | Path,
    taps: Sequence[str] = ('feat',),
    split: Split = 'test',
    role: Role = 'student',
    options: RunOptions | None = None,
    unsafe_checkpoint: bool = False,
) -> Features:
    """Reads the taps of one model over a split, all of them into memory.

    Args:
        cfg: Loaded config (:func:`fdkd.apis.config.load_config`) of a unimodal run, or of a pair.
        checkpoint: See :class:`TrainedModel`.
        taps: See :class:`TrainedModel`.
        split: ``'test'``; ``'val'``, where the config validates on other data; or ``'train'``, through the evaluation's
            pipeline.
        role: Which model of a pair.
        options: See :class:`TrainedModel`.
        unsafe_checkpoint: Unpickle the checkpoint without restriction.

    Raises:
        FdkdError: For every expected failure, see :mod:`fdkd.errors`.
    """
    model = TrainedModel(cfg, checkpoint, taps, role, options, unsafe_checkpoint)
    loader = split_loader(cfg, split, [model.modality])
    batches = list(feature_batches([model], loader, f'reading the {role} ({model.modality})'))
    if not batches:
        raise DataError(f'{shown(cfg.filename)}: no sample of the split {split!r} has {model.modality}')
    dense = batches[0].labels is None
    return Features(
        tuple(name for batch in batches for name in batch.ids),
        None if dense else torch.cat([batch.labels for batch in batches]),
        tuple(loader.dataset.metainfo['classes']),
        model.modality,
        {tap: _joined([batch.features[0][tap] for batch in batches]) for tap in batches[0].features[0]},
    )


def common(a: Features, b: Features) -> tuple[Features, Features]:
    """Both with the samples alone that both have, in the order of ``a``: a data set may lack some in one modality.

    Raises:
        DataError: If there is none.
    """
    if a.ids == b.ids:
        return a, b
    shared = set(a.ids) & set(b.ids)
    order = [name for name in a.ids if name in shared]
    if not order:
        raise DataError(f'features ({a.modality}, {b.modality}) without a sample in common')
    return tuple(_rows(features, [features.ids.index(name) for name in order]) for features in (a, b))


def _rows(features: Features, rows: list[int]) -> Features:
    index = torch.tensor(rows)
    return replace(
        features,
        ids=tuple(features.ids[row] for row in rows),
        labels=None if features.labels is None else features.labels[index],
        taps=select_rows(features.taps, index),
    )


def split_loader(cfg: Config, split: Split, modalities: Sequence[str]) -> DataLoader:
    """The samples of a split in the data set's order, through the evaluation's pipeline, in some modalities.

    Training samples may lack what the config's training lets them lack, of several modalities; a control that mixes up
    pairs in training is left out, and so is what repeats or keeps the views of training.

    Raises:
        ConfigError: If the config has no validation data but the test data.
    """
    loader = copy.deepcopy(cfg.test_dataloader)
    if split == 'val':
        loader = copy.deepcopy(cfg.get('val_dataloader')) or loader
        if loader.dataset.split == cfg.test_dataloader.dataset.split:
            raise ConfigError(
                f'{shown(cfg.filename)}: validates on the test split {loader.dataset.split!r}, there is no other; use '
                "'train'"
            )
    elif split == 'train':
        pipeline, training = loader.dataset.pipeline, copy.deepcopy(cfg.train_dataloader.dataset)
        optional = [part for part in training.get('optional', ()) if part in (*modalities, 'label')]
        loader.dataset = training
        loader.dataset.update(pipeline=pipeline, test_mode=True, optional=optional)
        for key in ('mispair', 'on_error', 'views', 'cache'):  # of training alone
            loader.dataset.pop(key, None)
    loader.dataset.modalities = list(modalities)
    loader.num_workers, loader.persistent_workers = min(loader.num_workers, 2), False
    return Runner.build_dataloader(loader, seed=cfg.randomness.seed)


def feature_batches(models: Sequence[TrainedModel], loader: DataLoader, title: str) -> Iterator[FeatureBatch]:
    """Runs models of the same samples over a loader of all their modalities, batch by batch; tensors are on the CPU.

    A sample that lacks the modality of one of the models is left out. What the data set has to say of itself is printed
    first.

    Args:
        models: The models.
        loader: See :func:`split_loader`.
        title: What the progress bar says.
    """
    for notice in getattr(loader.dataset, 'notices', ()):
        print(f'{title}: {printable(notice)}')
    for raw in bar_over(loader, title):
        with torch.no_grad():
            batch = models[0].algorithm.data_preprocessor(raw, False)
            if (read := _read(models, batch['inputs'], batch['data_samples'])) is not None:
                yield read


def _read(models: Sequence[TrainedModel], inputs: dict[str, Tensor], samples: list) -> FeatureBatch | None:
    have = [paired_places(samples, model.modality) for model in models]
    common = sorted(set.intersection(*map(set, have)))
    if not common:
        return None
    features = []
    for model, places in zip(models, have, strict=True):
        x = inputs[model.modality]
        rows = on_device([places.index(place) for place in common], x.device)
        features.append({tap: _on_cpu(value) for tap, value in select_rows(model.read(x), rows).items()})
    chosen = [samples[place] for place in common]
    classified = labels(chosen).cpu() if 'gt_label' in chosen[0] else None
    return FeatureBatch([sample.metainfo['sample_id'] for sample in chosen], classified, features)


def _model_config(cfg: Config, role: Role, options: RunOptions) -> Config:
    if role == 'student':
        return cfg.model.get('student', cfg.model)
    if 'teachers' in cfg.model:
        raise ConfigError(
            f'{shown(cfg.filename)}: has several teachers ({", ".join(cfg.model.teachers)}), and this is made for one'
        )
    if 'teacher' not in cfg.model:
        raise ConfigError(f'{shown(cfg.filename)}: trains a {cfg.model.type}, which has no teacher')
    cfg = copy.deepcopy(cfg)
    complete_teachers(cfg, options)
    return cfg.model.teacher


def _on_cpu(feature: Feature) -> Feature:
    return [x.cpu() for x in feature] if isinstance(feature, list) else feature.cpu()


def _joined(features: list[Feature]) -> Feature:
    if isinstance(features[0], list):
        return [torch.cat(parts) for parts in zip(*features, strict=True)]
    return torch.cat(features)
