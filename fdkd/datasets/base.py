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
from fdkd.datasets.prefix import DiskPrefix, RamPrefix, deterministic_prefix
from fdkd.datasets.steps import concerns, is_random, step_name
from fdkd.datasets.stores import GIB
from fdkd.datasets.unreadable import UNREADABLE, read_or_replace
from fdkd.errors import ConfigError, DataError

#: Where a data set may keep what its pipeline's first steps make of a sample.
CACHES = ('ram', 'disk')
#: What a data set may do about a sample that cannot be read.
ON_ERROR = ('raise', 'skip')


class SampleKey(NamedTuple):
    """What a sampler hands to a data set: which sample, in which epoch, of a run with which seed."""

    index: int
    epoch: int
    seed: int


@contextmanager
def seeded(seed: int, epoch: int, sample_id: str, *more: int) -> Iterator[None]:
    """Makes the global generators of Python, NumPy and torch (CPU) a pure function of the arguments.

    The generators' previous states come back on exit, so that augmenting in the main process (``num_workers=0``) does
    not disturb the model's own randomness.
    """
    entropy = np.random.SeedSequence([seed, epoch, zlib.crc32(sample_id.encode()), *more])
    numbers = entropy.generate_state(3)
    python_state, numpy_state, torch_state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(int(numbers[0]))
    np.random.seed(int(numbers[1]))
    # torch.manual_seed would seed the generators of all accelerators as well, which takes longer than all the rest
    torch.default_generator.manual_seed(int(numbers[2]))
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)


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
        views: ``{modality: N}`` lets the augmentation of this one modality, for example a teacher's, repeat after N
            epochs: its view of epoch ``e`` is that of epoch ``e % N``. Every step that draws random numbers gets a seed
            of its own. Those that may change the modality (its own, and those that name none, such as
            ``mmseg.RandomFlip``, which moves all modalities and the label alike) take theirs from the view's number;
            steps of another modality alone (``RandomHSV``, ``Augment`` of it) keep drawing anew in each epoch.

        cache: Keep what the pipeline's first steps make of a sample, up to the first that may draw random numbers, so
            that files are decoded once: ``'ram'`` in memory that the loader's workers share, each training process by
            itself, or ``'disk'`` in ``cache_folder``, for all processes and later runs. Samples come out bit for bit as
            without. ``'ram'`` takes it that files do not change while the data set is in use.
        cache_folder: Where ``'disk'`` keeps its results; it can be deleted at any time.
        on_error: What a sample does whose file cannot be read: ``'raise'`` the error, or ``'skip'``, for training
            alone: be used without what is ``optional`` in it, or be replaced by another sample; see
            :func:`~fdkd.datasets.unreadable.read_or_replace`. How many may be skipped is limited by
            :class:`~fdkd.engine.data_watch.DataWatch`.

    A packed sample's metainfo holds ``index``, its place in this data set, and ``view``, the view's number (0 where
    no views are asked for); and ``unreadable``, where ``on_error='skip'`` and a file could not be read.

    Attributes:
        notices: Sentences about the data that every training says at its start.
        counts: What became of the listed samples, by name.

    Raises:
        DataError: If a modality is unknown, or none is asked for, or no sample can swap.
        ConfigError: If ``mispair``, ``views`` or ``on_error`` cannot be meant, an evaluation is to skip samples, or the
            memory does not hold the ``cache``.
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
        views: Mapping[str, int] | None = None,
        cache: str | None = None,
        cache_folder: str = 'work_dirs/data_cache',
        on_error: str = 'raise',
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
        if cache not in (None, *CACHES):
            raise ConfigError(f"{type(self).__name__}: cache={cache!r}, expected None, 'ram' or 'disk'")
        if on_error not in ON_ERROR:
            raise ConfigError(f"{type(self).__name__}: on_error={on_error!r}, expected 'raise' or 'skip'")
        if on_error == 'skip' and test_mode:
            raise ConfigError(
                f"{type(self).__name__} {split}: on_error='skip' with test_mode=True: an evaluation scores every "
                'sample or none; skip in train_dataloader alone'
            )
        self.on_error = on_error
        self.views = self._check_views({} if views is None else views)
        steps = [step for step in pipeline if self._concerns(step)]
        super().__init__(data_root=str(data_root), data_prefix={}, pipeline=steps, indices=indices, test_mode=test_mode)
        self.prefix = self._build_prefix(steps, cache, cache_folder)

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

    def get_subset_(self, indices: int | Sequence[int]) -> None:
        """Keeps some of the samples, in place. Their numbers change, by which a cache knows them: it is given up."""
        super().get_subset_(indices)
        self.prefix = None

    def _concerns(self, step: dict | Callable) -> bool:
        """Whether a step of the pipeline belongs to a modality that is loaded, or to none."""
        modality = step.get('modality') if isinstance(step, dict) else None
        return modality is None or modality in self.modalities

    def _build_prefix(self, configs: Sequence[dict], cache: str | None, folder: str) -> DiskPrefix | RamPrefix | None:
        name, steps = type(self).__name__, deterministic_prefix(self.pipeline.transforms, configs)
        if cache is None:
            return None
        if not steps:
            self.notices.append(
                f'{name} {self.split}: cache={cache!r} keeps nothing, since the first step of the pipeline may draw '
                'random numbers'
            )
            return None
        if cache == 'disk':
            return DiskPrefix(steps, configs[: len(steps)], folder)
        some = [self.get_data_info(index) for index in sorted({0, len(self) // 2, len(self) - 1})]
        ignored = UNREADABLE if self.on_error == 'skip' else ()
        prefix = RamPrefix(steps, some, len(self), f'{name} {self.split}', ignored)
        self.notices.append(f"{name} {self.split}: cache='ram' takes about {prefix.bytes / GIB:.2f} GiB of memory")
        return prefix

    def _check_views(self, views: Mapping[str, int]) -> dict[str, int]:
        whole = isinstance(views, Mapping) and all(isinstance(n, int) and n >= 1 for n in views.values())
        if not whole or len(views) > 1 or set(views) - set(self.modalities):
            raise ConfigError(
                f'{type(self).__name__}: views={views!r}, expected one modality of {list(self.modalities)} with the '
                f'number of its views, 1 or more, for example views=dict({self.modalities[0]}=4)'
            )
        return dict(views)

    def random_steps(self, modality: str) -> list[str]:
        """Names of the pipeline's steps that may draw random numbers and change ``modality``, in their order.

        Steps that name no modality count for every one, and foreign ones as random unless they are known not to be
        (:func:`~fdkd.datasets.steps.is_random`). ``views`` changes nothing here.
        """
        steps = self.pipeline.transforms
        return [step_name(step) for step in steps if is_random(step) and concerns(step, modality)]

    def __getitem__(self, key: SampleKey | int) -> dict[str, Any]:
        """The sample of a :class:`SampleKey`; a bare index means epoch 0 of seed 0."""
        key = SampleKey(*key) if isinstance(key, tuple) else SampleKey(key, 0, 0)
        if self.on_error == 'skip':
            return read_or_replace(self, key)
        return self.make(self.get_data_info(key.index), key, self.prefix)

    def make(self, results: dict[str, Any], key: SampleKey, prefix: DiskPrefix | RamPrefix | None) -> dict[str, Any]:
        """What the pipeline makes of a sample.

        Args:
            results: The sample as the data set lists it; the steps write into it.
            key: Its place, and the epoch and seed of its augmentation.
            prefix: What takes the first steps, where there is such.
        """
        steps = list(enumerate(self.pipeline.transforms))
        if prefix:
            results, steps = prefix(results), steps[len(prefix.steps) :]
        sample_id, results['sample_view'] = results['sample_id'], 0
        if not self.views:
            with seeded(key.seed, key.epoch, sample_id):
                for _, step in steps:
                    results = step(results)
            return results
        [(modality, count)] = self.views.items()
        results['sample_view'] = view = key.epoch % count
        for number, step in steps:
            if is_random(step):
                with seeded(key.seed, view if concerns(step, modality) else key.epoch, sample_id, number):
                    results = step(results)
            else:
                results = step(results)
        return results
