"""What is known of a pipeline's steps without running them: do they draw random numbers, and for which modality."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: Classes of MMCV and MMSegmentation that draw no random numbers; every other foreign step counts as one that does.
DETERMINISTIC = frozenset(
    {
        *('CenterCrop', 'LoadAnnotations', 'LoadImageFromFile', 'Normalize', 'PackSegInputs', 'Pad', 'Resize'),
        *('ResizeShortestEdge', 'ResizeToMultiple', 'RGB2Gray', 'ImageToTensor', 'ToTensor'),
    }
)
_FOREIGN = ('mmcv.transforms.', 'mmseg.datasets.transforms.')


def is_random(step: Callable) -> bool:
    """Whether a step may draw random numbers.

    A step says so by its attribute ``random``. One that has none is a stranger: it counts as random unless it is a
    class of MMCV or MMSegmentation in :data:`DETERMINISTIC` (a class derived from these is a stranger again).
    """
    kind = type(step)
    known = kind.__module__.startswith(_FOREIGN) and kind.__name__ in DETERMINISTIC
    return bool(getattr(step, 'random', not known))


def concerns(step: Callable, modality: str) -> bool:
    """Whether a step may change a modality: its own by the attribute ``modality``, and every one if it names none."""
    return getattr(step, 'modality', None) in (None, modality)


def step_name(step: Callable) -> str:
    """A step's name for people: ``'RandomFlip'``, ``'Augment(RandomCrop)'``."""
    name = getattr(step, '__name__', type(step).__name__)  # a function has the first
    return f'{name}({step.name})' if hasattr(step, 'name') else name


def uncached(pipeline: Sequence[Any]) -> list[dict]:
    """The configs of a pipeline's steps, those within ``Cached`` in its place."""
    steps: list[dict] = []
    for step in pipeline:
        if isinstance(step, Mapping):
            steps += map(dict, step['transforms'] if step['type'] in ('Cached', 'fdkd.Cached') else [step])
    return steps


def is_packing(step: Callable) -> bool:
    """Whether a step makes of a sample what a model takes; by MMSegmentation's custom its name begins with Pack."""
    return type(step).__name__.startswith('Pack')
