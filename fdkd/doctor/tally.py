"""What a split consists of, in numbers."""

from collections import Counter
from typing import Any

import numpy as np

from fdkd.doctor.chains import LABEL
from fdkd.doctor.findings import Finding, few
from fdkd.doctor.reading import SampleReading
from fdkd.doctor.splits import Split
from fdkd.doctor.spread import Spread, shown


class Tally:
    """Counts the samples of one split.

    Attributes:
        samples: Number of samples.
        files: Number of files, and of folders of frames.
        bytes: Bytes that were read.
        present: Samples by part: the modalities and ``'label'``.
        with_class: int64 ``[K]``, samples that show each class.
        pixels: int64 ``[K]``, pixels of each class; all zero where there are no label maps.
    """

    def __init__(self, split: Split) -> None:
        self.name, self.required, self._gone = split.name, split.required, split.dataset.counts.get('missing', 0)
        self.parts = (*split.dataset.modalities, LABEL)
        self.classes = tuple(map(str, split.dataset.metainfo.get('classes') or ()))
        self.samples = self.files = self.bytes = 0
        self.present: Counter[str] = Counter()
        self.with_class = np.zeros(len(self.classes), np.int64)
        self.pixels = np.zeros(len(self.classes), np.int64)
        self.spreads: dict[str, Spread] = {}
        self._absent: dict[str, list[str]] = {}

    def add(self, sample: SampleReading) -> list[Finding]:
        """Counts a sample; returns what it lacks but must have."""
        self.samples += 1
        self.present.update(sample.present)
        if sample.label is not None and 0 <= sample.label < len(self.classes):
            self.with_class[sample.label] += 1
        for reading in sample.readings:
            self.files += bool(reading.file)
            self.bytes += reading.bytes
            spread = self.spreads.setdefault(reading.part, Spread(self.name, reading.part))
            spread.add(sample.sample_id, reading.file, reading.look, reading.shape, reading.stacked)
            if reading.look is not None and reading.look.classes is not None:
                self.pixels += reading.look.classes
                self.with_class += reading.look.classes > 0
        absent = [part for part in self.parts if part not in sample.present]
        for part in absent:
            self._absent.setdefault(part, []).append(sample.sample_id)
        text = 'listed, but its file is not there'
        must = [part for part in absent if part in self.required]
        return [Finding('error', self.name, sample.sample_id, part, '', 'missing', text) for part in must]

    def findings(self) -> list[Finding]:
        """What only the whole split shows: gaps that are allowed, classes without a sample, outliers."""
        found = []
        for part, ids in self._absent.items():
            if part in self.required:
                continue
            if len(ids) <= few(self.samples):
                found += [Finding('warning', self.name, one, part, '', 'missing', 'has none') for one in ids]
            else:
                text = f'{len(ids)} of {self.samples} samples have none, the first is {ids[0]}'
                found.append(Finding('note', self.name, '', part, '', 'missing', text))
        if self.with_class.any() and (unseen := np.flatnonzero(self.with_class == 0)).size:
            names = ', '.join(self.classes[number] for number in unseen)
            text = f'{unseen.size} of {len(self.classes)} classes have no sample: {names}'
            found.append(Finding('warning', self.name, '', LABEL, '', 'class', text))
        return found + [finding for spread in self.spreads.values() for finding in spread.findings()]

    @property
    def missing(self) -> int:
        """Gaps of all samples, each modality or label that one lacks, and the samples that have no file at all."""
        return self._gone + sum(map(len, self._absent.values()))

    def imbalance(self) -> tuple[float, str, str] | None:
        """How many times the most frequent class outnumbers the rarest that occurs, and their names.

        Pixels are counted where there are label maps, samples elsewhere.
        """
        counts = self.pixels if self.pixels.any() else self.with_class
        if not counts.any():
            return None
        most, least = int(counts.argmax()), int(np.where(counts > 0, counts, counts.max() + 1).argmin())
        return float(counts[most] / counts[least]), self.classes[most], self.classes[least]

    def summary(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        imbalance = self.imbalance()
        return {
            'samples': self.samples,
            'files': self.files,
            'bytes': self.bytes,
            'present': {part: self.present[part] for part in self.parts},
            'classes': dict(zip(self.classes, self.with_class.tolist(), strict=True)),
            'pixels': dict(zip(self.classes, self.pixels.tolist(), strict=True)) if self.pixels.any() else {},
            'imbalance': imbalance and dict(zip(('ratio', 'most', 'least'), imbalance, strict=True)),
            'measures': {part: spread.summary() for part, spread in self.spreads.items()},
            'shapes': {
                part: {shown(shape): count for shape, count in spread.shapes.most_common(10)}
                for part, spread in self.spreads.items()
            },
        }
