"""Whether the arguments of a :class:`~fdkd.datasets.paired.PairedDataset` are of a kind that can be meant at all."""

import os
from collections.abc import Callable, Collection, Mapping
from numbers import Real
from typing import Any

from fdkd.errors import ConfigError


def _are_names(value: Any) -> bool:
    return (
        isinstance(value, Collection)
        and not isinstance(value, (str, bytes))
        and all(isinstance(item, str) for item in value)
    )


def _are_classes(value: Any) -> bool:
    """Whether these are names, some of which may be numbers."""
    listed = isinstance(value, Collection) and not isinstance(value, (str, bytes, Mapping))
    return listed and all(isinstance(item, (str, int)) for item in value)


def _are_pairs(value: Any) -> bool:
    return isinstance(value, Mapping) and _are_names([*value.keys(), *value.values()])


#: For each argument what it has to be, and how a message says it.
_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    'data_root': (lambda value: isinstance(value, (str, os.PathLike)), 'a folder'),
    'annotations': (lambda value: isinstance(value, (str, os.PathLike)), "a file's name"),
    'classes': (_are_classes, 'a list of names'),
    'splits': (lambda value: _are_names(value) and len(value) > 0, 'a list of names, that of training first'),
    'columns': (lambda value: value is None or _are_names(value), 'a list of names, or None'),
    'merge': (lambda value: value is None or _are_pairs(value), "a class's name by label"),
    'validation': (lambda value: isinstance(value, Real), 'a share from 0 to below 1'),
    'optional': (_are_names, 'a list of modalities'),
}


def check_types(name: str, given: Mapping[str, Any]) -> None:
    """Refuses what later steps would stumble over, such as a text where a list of names is expected.

    Args:
        name: What messages call the data set.
        given: Arguments by name, any of those that the data set takes.

    Raises:
        ConfigError: If an argument is of another kind.
    """
    for argument, value in given.items():
        fits, expected = _KINDS[argument]
        if not fits(value):
            raise ConfigError(f'{name}: {argument}={value!r}, expected {expected}')
