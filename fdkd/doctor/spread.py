"""What is only worth a word in comparison with the rest of the split, so that a report is not flooded."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fdkd.doctor.findings import Finding, few
from fdkd.doctor.looks import Look

#: Fewer values than this have no outliers.
_ENOUGH = 20
#: Far out, by Tukey: so many times the distance between the quartiles beyond them.
_FENCE = 3.0


class _Mark(NamedTuple):
    size: float
    sample_id: str
    file: str
    value: str


class Spread:
    """Collects the marks, measures and shapes of one modality in one split.

    Args:
        split: Name of the split.
        part: Name of the modality, or ``'label'``.
    """

    def __init__(self, split: str, part: str) -> None:
        self.split, self.part, self.total = split, part, 0
        self.shapes: Counter[tuple[int, ...]] = Counter()
        self._marks: dict[str, list[_Mark]] = defaultdict(list)
        self._measures: dict[str, tuple[array, array]] = defaultdict(lambda: (array('d'), array('q')))
        self._samples: list[tuple[str, str]] = []
        self._by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
        self._by_stacked: dict[tuple[int, ...], list[int]] = defaultdict(list)

    def add(
        self,
        sample_id: str,
        file: str,
        look: Look | None,
        shape: tuple[int, ...] | None,
        stacked: tuple[int, ...] | None = None,
    ) -> None:
        """Counts one file: what it says, its shape, and the shape that a batch takes if it takes one alone."""
        number = len(self._samples)
        self._samples.append((sample_id, file))
        if shape is not None:
            self.shapes[shape] += 1
            self._by_shape[shape].append(number)
        if stacked is not None:
            self._by_stacked[stacked].append(number)
        for what, (size, value) in look.marks.items() if look else ():
            self._marks[what].append(_Mark(size, sample_id, file, value))
        for name, value in look.measures.items() if look else ():
            values, owners = self._measures[name]
            values.append(value)
            owners.append(number)

    def findings(self) -> Iterator[Finding]:
        """Few samples with something in common are a warning each; many are one note with the worst."""
        for what, marks in self._marks.items():
            yield from self._few_or_note(what, marks)
        for name, (values, owners) in self._measures.items():
            yield from self._outliers(name, np.array(values), owners)
        yield from self._odd_shapes()

    def summary(self) -> dict[str, dict[str, float]]:
        """Of each measure the least, the quartiles, and the most."""
        names = ('min', 'q1', 'median', 'q3', 'max')
        return {
            measure: dict(zip(names, np.percentile(np.array(values), [0, 25, 50, 75, 100]).tolist(), strict=True))
            for measure, (values, _) in self._measures.items()
        }

    def _few_or_note(self, what: str, marks: list[_Mark]) -> Iterator[Finding]:
        total = len(self._samples)
        if len(marks) <= few(total):
            for mark in marks:
                yield Finding('warning', self.split, mark.sample_id, self.part, mark.file, what, mark.value)
            return
        worst = max(marks, key=lambda mark: mark.size)
        text = f'{len(marks)} of {total}, the furthest is {worst.sample_id}: {worst.value}'
        yield Finding('note', self.split, '', self.part, '', what, text)

    def _outliers(self, name: str, values: np.ndarray, owners: array) -> Iterator[Finding]:
        if len(values) < _ENOUGH:
            return
        low, middle, high = np.percentile(values, [25, 50, 75])
        reach = max(_FENCE * (high - low), 0.01 * abs(middle))
        beyond = np.maximum(low - reach - values, values - high - reach)
        half = f'half of all have {low:.4g} to {high:.4g}'
        marks = [
            _Mark(float(beyond[place]), *self._samples[owners[place]], f'{name} {values[place]:.4g}, {half}')
            for place in np.flatnonzero(beyond > 1e-9)
        ]
        if len(marks) <= few(len(values)) or high > low:  # without a spread, many others are no outliers
            yield from self._few_or_note('outlier', marks) if marks else ()

    def _odd_shapes(self) -> Iterator[Finding]:
        """Few others are named one by one; where a batch cannot take them, many are one error."""
        fatal = len(self._by_stacked) > 1
        by_shape = self._by_stacked if fatal else self._by_shape
        if len(by_shape) < 2:
            return
        usual = max(by_shape, key=lambda shape: len(by_shape[shape]))
        count = len(by_shape[usual])
        others = [(shape, number) for shape, numbers in by_shape.items() if shape != usual for number in numbers]
        severity, why = (
            ('error', '; a batch takes one shape, and no step makes them equal') if fatal else ('warning', '')
        )
        if len(others) <= min(few(len(self._samples)), count):
            for shape, number in others:
                text = f'{shown(shape)}, {count} others have {shown(usual)}{why}'
                sample_id, file = self._samples[number]
                yield Finding(severity, self.split, sample_id, self.part, file, 'shape', text)
        elif fatal:
            shape, number = others[0]
            text = f'{len(others)} of {count + len(others)} are not {shown(usual)}, the first is '
            text += f'{self._samples[number][0]}: {shown(shape)}{why}'
            yield Finding(severity, self.split, '', self.part, '', 'shape', text)


def shown(shape: tuple[int, ...]) -> str:
    """``(240, 320)`` as ``320x240``, any other shape as it is."""
    return f'{shape[1]}x{shape[0]}' if len(shape) == 2 else str(shape)
