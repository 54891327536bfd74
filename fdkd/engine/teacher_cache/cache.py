"""What a distiller asks for its teacher's tensors: read back where they are kept, else computed and kept."""

import fcntl
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from logging import Logger
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from fdkd.distill.terms import Feature
from fdkd.engine.teacher_cache.layout import Layout, layout_of, pack, unpack
from fdkd.engine.teacher_cache.store import RowStore, UnusableError, check_room, full_size, size_text
from fdkd.errors import DataError

#: Runs the teacher on an input that belongs to so many samples.
RunTeacher = Callable[[Tensor, int], dict[str, Feature]]


class TeacherCache:
    """Gives the tensors of a teacher whose view of a sample is always the same, running it for batches with new ones.

    It then runs on the whole batch, although what is kept of the others is taken: how a device rounds a row may depend
    on the batch around it, and a run that is killed while the rows of a batch are written, and resumed, is to keep the
    rest of them as it would have.

    The slot of a sample is ``view * samples + index``, after its metainfo. The shapes are learnt from the first batch,
    with which the folder comes into being; whichever process is first makes it. A folder that is damaged or does not
    hold what is asked is made anew, with a warning. A row that is damaged is computed again.

    Args:
        folder: Folder of this cache alone.
        samples: Length of the data set.
        views: Views of each sample; where it is 1, the samples' view does not count.
        belongs: What the tensors belong to, as JSON gives it back.
        max_gb: Limit of the folder's size when all rows are there, in GiB.
        logger: Gets one line about the folder and a warning where it is made anew.

    Attributes:
        counts: Rows so far: ``'read'``, ``'computed'``, and of these ``'damaged'``.

    Raises:
        ConfigError: If the folder would be too large.
    """

    def __init__(
        self, folder: Path, samples: int, views: int, belongs: Mapping[str, Any], max_gb: float, logger: Logger
    ) -> None:
        self.folder, self.samples, self.views, self.belongs = folder, samples, views, belongs
        self.max_gb, self.logger = max_gb, logger
        self.counts: Counter[str] = Counter()
        self._confirmed = False  # whether the header's shapes were those of the teacher's tensors once
        with self._locked():
            self._store = self._open()
        if self._store is None:
            logger.info(f'teacher cache {folder}: no rows yet')

    def __call__(self, inputs: Tensor, data_samples: list, run: RunTeacher) -> dict[str, Feature]:
        """What ``run(inputs, len(data_samples))`` gives; the rows that are kept are bit by bit what it once gave.

        Args:
            inputs: The teacher's input, a row for each sample.
            data_samples: N samples with ``index`` and, for several views, ``view`` in their metainfo.
            run: Runs the teacher; it is called where a row is not kept.

        Raises:
            DataError: If a sample does not say which it is, its tensors have another shape than those of the others,
                or the disk is full.
            ConfigError: If the tensors of all samples would take too much room.
        """
        slots = self._slots(data_samples)
        rows, kept = self._read(slots, pinned=inputs.is_cuda)
        lacking = np.flatnonzero(~kept)
        self.counts.update(read=len(slots) - len(lacking), computed=len(lacking))
        if len(lacking) == len(slots):
            features = run(inputs, len(slots))
            self._keep(slots, features, lacking)
            return features
        if len(lacking):
            for row, computed in zip(rows, self._keep(slots, run(inputs, len(slots)), lacking), strict=True):
                row.numpy()[lacking] = computed
        return unpack(self._store.layout, [row.to(inputs.device, non_blocking=True) for row in rows])

    def close(self) -> None:
        """Closes the files."""
        if self._store is not None:
            self._store.close()

    def _slots(self, data_samples: list) -> np.ndarray:
        names = ('view', 'index') if self.views > 1 else ('index',)
        try:
            places = np.array([[sample.metainfo[name] for name in names] for sample in data_samples], np.int64)
        except KeyError as error:
            raise DataError(
                f"the teacher's tensors cannot be kept: samples have no {error} in their metainfo, as those of a "
                'MultimodalDataset have; train without --cache-teacher'
            ) from error
        if (places < 0).any() or (places >= (self.views, self.samples)[-len(names) :]).any():
            raise DataError(
                f'the {" and ".join(names)} of a batch go up to {places.max(0).tolist()}, expected '
                f'{self.views} views of {self.samples} samples'
            )
        return places @ (self.samples, 1)[-len(names) :]

    def _read(self, slots: np.ndarray, pinned: bool) -> tuple[list[Tensor], np.ndarray]:
        if self._store is None:
            return [], np.zeros(len(slots), bool)
        rows, kept, damaged = self._store.read(slots, pinned)
        self._confirmed = self._confirmed or bool(kept.any())
        self.counts['damaged'] += damaged
        return rows, kept

    def _keep(self, slots: np.ndarray, features: dict[str, Feature], places: np.ndarray) -> list[np.ndarray]:
        """Writes the rows at ``places`` of the batch and returns their bytes, for each leaf."""
        layout = layout_of(features)
        if self._store is None or (self._store.layout != layout and not self._confirmed):
            self.close()
            with self._locked():
                self._store = self._open(layout)
                if self._store is None:
                    self._store = self._create(layout)
        self._confirmed = True
        if self._store.layout != layout:
            raise DataError(
                f'{self.folder}: the teacher gives {_shown(layout)} for some samples and {_shown(self._store.layout)} '
                'for others, and only samples of one shape can be kept: bring them to one size in the pipeline, or '
                'train without --cache-teacher'
            )
        rows = [array[places] for array in pack(self._store.layout, features)]
        self._store.write(slots[places], rows)
        return rows

    def _open(self, layout: Layout | None = None) -> RowStore | None:
        """The store in the folder; ``None``, without a folder, where it is absent or unusable or of another layout."""
        if not self.folder.exists():
            return None
        try:
            store = RowStore.open(self.folder, self.samples * self.views, self.belongs)
            if layout not in (None, store.layout):
                store.close()
                raise UnusableError(f'it holds {_shown(store.layout)}, the teacher gives {_shown(layout)}')
        except UnusableError as reason:
            self.logger.warning(f'teacher cache {self.folder}: made anew, since {reason}')
            shutil.rmtree(self.folder)  # who still reads it goes on doing so
            return None
        self._announce(store.layout, len(store))
        return store

    def _create(self, layout: Layout) -> RowStore:
        self._announce(layout, 0)
        return RowStore.create(self.folder, layout, self.samples * self.views, self.belongs)

    def _announce(self, layout: Layout, there: int) -> None:
        slots = self.samples * self.views
        check_room(self.folder, layout, slots, there, self.max_gb)
        size = size_text(full_size(layout, slots))
        self.logger.info(f'teacher cache {self.folder}: {there:,} of {slots:,} rows are there, {size} when full')

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time opens, makes or removes the folder; the lock of one that is killed falls."""
        path = self.folder.with_name(f'{self.folder.name}.lock')
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open('w') as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _shown(layout: Layout) -> str:
    return ', '.join(map(str, layout))
