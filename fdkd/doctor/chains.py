"""The steps of a pipeline that read one modality: what they accept is what the data set may hold."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from fdkd.datasets.base import seeded
from fdkd.datasets.steps import is_random, uncached
from fdkd.registry import TRANSFORMS

#: Name of the part of a sample that its label map is.
LABEL = 'label'


class Chain(NamedTuple):
    """How a pipeline reads one part of a sample, a modality or the label map.

    Attributes:
        part: Name of the modality, or :data:`LABEL`.
        loader: The first step, which reads the file. It may draw random numbers (a frame of a clip).
        rest: The steps of this part that follow, up to the first that may draw random numbers.
    """

    part: str
    loader: Callable
    rest: tuple[Callable, ...]

    def load(self, entry: Mapping[str, Any], others: Sequence[str]) -> dict[str, Any]:
        """What the loader makes of a data set's entry without the parts ``others``, which are none of its business."""
        hidden = {key for other in others if other != self.part for key in (other, f'{other}_path')}
        with seeded(0, 0, entry['sample_id']):
            return self.loader({key: value for key, value in entry.items() if key not in hidden})

    def settings(self) -> tuple[Any, ...]:
        """What makes two loaders the same but for the modality's name."""
        return (type(self.loader), sorted((k, repr(v)) for k, v in vars(self.loader).items() if k != 'modality'))


def chain(pipeline: Sequence[Any], part: str) -> Chain | None:
    """The steps of ``pipeline`` (configs) for one part; ``None`` where there is none.

    Results are never read from a cache: the steps within ``Cached`` stand in for it. Steps that name no modality
    belong to no part, apart from loaders (``Load...``), which are the label map's.

    Raises:
        FdkdError: If a step cannot be built, for example for want of a tokenizer.
    """
    steps = [TRANSFORMS.build(step) for step in uncached(pipeline) if _part(step) == part]
    if not steps:
        return None
    return Chain(part, steps[0], tuple(takewhile(lambda step: not is_random(step), steps[1:])))


def is_whole(pipeline: Sequence[Any], found: Chain) -> bool:
    """Whether the steps of a chain are all that may change its part before a sample is packed."""
    if not all(isinstance(step, Mapping) for step in pipeline):
        return False
    steps = [step for step in uncached(pipeline) if not getattr(_kind(step), '__name__', '').startswith('Pack')]
    return sum(_part(step) in (None, found.part) for step in steps) == 1 + len(found.rest)


def _kind(step: Mapping[str, Any]) -> Any:
    return step['type'] if inspect.isclass(step['type']) else TRANSFORMS.get(step['type'])


def _part(step: Mapping[str, Any]) -> str | None:
    kind = _kind(step)
    named = step.get('modality', getattr(kind, 'modality', None))
    return LABEL if named is None and getattr(kind, '__name__', '').startswith('Load') else named
