"""What every data set of fdkd shares: modalities by name, and augmentation that depends on the sample alone."""

import random
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dataset import BaseDataset

from fdkd.datasets.mispair import check_mispair, mispaired
from fdkd.errors import DataError


class SampleKey(NamedTuple):
    """What a sampler hands to a data set: which sample, in which epoch, of a run with which seed."""

    index: int
    epoch: int
    seed: int


@contextmanager
def seeded(seed: int, epoch: int, sample_id: str) -> Iterator[None]:
    """Makes the global generators of Python, NumPy and torch (CPU) a pure function of the three arguments.

    The generators' previous states come back on exit, so that augmenting in the main process (``num_workers=0``) does
    not disturb the model's own randomness.
    """
    entropy = np.random.SeedSequence([seed, epoch, zlib.crc32(sample_id.encode())])
    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        numbers = entropy.generate_state(3)
        random.seed(int(numbers[0]))
        np.random.seed(int(numbers[1]))
        torch.manual_seed(int(numbers[2]))
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


class MultimodalDataset(BaseDataset):
    """One id, one file per modality, one label.

    A subclass states ``METAINFO`` and ``MODALITIES`` and implements ``load_data_list``, whose entries hold at least
    ``sample_id``, ``present`` (the modalities that the sample has, and ``'label'`` if it has one) and what its
    transforms read of each of these.

    Args:
        data_root: Folder of the data set.
        split: Name of the split.
        modalities: Modalities to load, a subset of ``MODALITIES``, each once however often it is named; files of the
            others are never touched.
        pipeline: Configs of transforms. Those of a modality that is not loaded are not even built: a student must not
            need the tokenizer of its teacher.
        indices: Use the first so many samples, or the samples at these indices.
        test_mode: Whether the samples are for evaluation.
        optional: What a sample may lack: modalities, or ``'label'``. Distillation trains on such gaps. A modality that
            is loaded alone, as where a teacher sees what its student sees, is never optional.
        mispair: For each modality named, give every sample the value of another sample of the split: of ``'any'``
            other, or of one with the same label (``'class'``); see :func:`~fdkd.datasets.mispair.mispaired`. Which one
            is the same in every run. Labels, augmentation and the other modalities stay; modalities that are not loaded
            count for nothing. With ``indices``, the samples that they choose swap among themselves.

    Attributes:
        notices: Sentences about the data that every training says at its start.
        counts: What became of the listed samples, by name.

    Raises:
        DataError: If a modality is unknown, or none is asked for, or no sample can swap.
        ConfigError: If ``mispair`` cannot be meant.
    """

    MODALITIES: tuple[str, ...] = ()

    def __init__(
        self,
        data_root: str,
        split: str,
        modalities: Sequence[str] | None = None,
        pipeline: Sequence[dict] = (),
        indices: int | Sequence[int] | None = None,
        test_mode: bool = False,
        optional: Sequence[str] = (),
        mispair: Mapping[str, str] | None = None,
    ) -> None:
        self.split = split
        self.notices: list[str] = []
        self.counts: dict[str, int] = {}
        self.modalities = tuple(dict.fromkeys(self.MODALITIES if modalities is None else modalities))
        alone = self.modalities if len(self.modalities) == 1 else ()
        self.optional = tuple(name for name in optional if name not in alone)
        self.mispair = check_mispair({} if mispair is None else mispair, self.MODALITIES, type(self).__name__)
        if not self.modalities or set(self.modalities) - set(self.MODALITIES):
            raise DataError(
                f'{type(self).__name__}: asked for the modalities {list(self.modalities)}, '
                f'expected some of {list(self.MODALITIES)}'
            )
        super().__init__(
            data_root=str(data_root),
            data_prefix={},
            pipeline=[step for step in pipeline if self._concerns(step)],
            indices=indices,
            test_mode=test_mode,
        )

    def filter_data(self) -> list[dict]:
        """What of the listed samples is used, mispaired as asked: MMEngine's step between listing and storing."""
        if self._indices is not None:
            self.data_list, self._indices = self._get_unserialized_subset(self._indices), None
        samples, name = self.data_list, type(self).__name__
        for modality, kind in self.mispair.items():
            if modality in self.modalities:
                samples, alone = mispaired(samples, modality, kind, name)
                kept = f', but for {alone:,} that are alone with their label or have none' if alone else ''
                like = ' with the same label' if kind == 'class' else ''
                self.notices.append(f"{name} {self.split}: mispaired, {modality} is another sample's{like}{kept}")
        return samples

    def _concerns(self, step: dict | Callable) -> bool:
        """Whether a step of the pipeline belongs to a modality that is loaded, or to none."""
        modality = step.get('modality') if isinstance(step, dict) else None
        return modality is None or modality in self.modalities

    def __getitem__(self, key: SampleKey | int) -> dict[str, Any]:
        """The sample of a :class:`SampleKey`; a bare index means epoch 0 of seed 0."""
        index, epoch, seed = key if isinstance(key, tuple) else (key, 0, 0)
        data_info = self.get_data_info(index)
        with seeded(seed, epoch, data_info['sample_id']):
            return self.pipeline(data_info)
