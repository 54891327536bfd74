"""Whether the arguments of a :class:`~fdkd.datasets.paired.PairedDataset` can be meant, alone and with one another."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fdkd.errors import ConfigError

#: Names that a sample uses itself.
_RESERVED = ('label', 'gt_label', 'present', 'sample_id', 'sample_idx', 'sample_view')


def check_sources(name: str, sources: Any, optional: Collection[str]) -> None:
    """Refuses modalities that a sample cannot hold.

    Args:
        name: What messages call the data set.
        sources: Where each modality is, as the data set takes it.
        optional: Modalities that a sample may lack, and ``'label'``.

    Raises:
        ConfigError: If a source is neither a pattern nor one of a text, or a modality's name is taken or unknown.
    """
    if not isinstance(sources, Mapping) or not sources:
        raise ConfigError(f'{name}: sources={sources!r}, expected a pattern for each modality')
    for modality, source in sources.items():
        if not isinstance(modality, str):
            raise ConfigError(f'{name}: sources names the modality {modality!r}, expected text')
        if modality in _RESERVED:
            raise ConfigError(f'{name}: a modality cannot be called {modality!r}, which a sample uses itself')
        if isinstance(source, Mapping) and set(source) != {'text'}:
            keys = ', '.join(map(str, source)) or 'no keys'
            raise ConfigError(f'{name}: sources.{modality} has {keys}, expected text alone')
    if strange := sorted(set(optional) - {*sources, 'label'}):
        raise ConfigError(f'{name}: optional names {", ".join(strange)}, expected some of {", ".join(sources)}, label')


def check_classes(name: str, classes: Sequence[str], merge: Mapping[str, str]) -> None:
    """Refuses classes that a label cannot name.

    Args:
        name: What messages call the data set.
        classes: Names of the classes.
        merge: Class by label, for labels that are not classes themselves.

    Raises:
        ConfigError: If there is no class, a name is empty or stands twice, or ``merge`` leads to another.
    """
    if not classes or len(set(classes)) < len(classes):
        raise ConfigError(f'{name}: classes={list(classes)} is empty or repeats a name')
    if '' in classes:
        raise ConfigError(f'{name}: a class has an empty name, which in a table means that a sample has no label')
    if strange := sorted(set(merge.values()) - set(classes)):
        raise ConfigError(f'{name}: merge leads to {", ".join(strange)}, not among the classes')


def check_split(name: str, split: str, splits: Sequence[str], validation: float) -> None:
    """Refuses a split that is not there.

    Args:
        name: What messages call the data set.
        split: The split that is asked for.
        splits: Names of all splits.
        validation: Share of the training split that becomes ``'val'``.

    Raises:
        ConfigError: If ``validation`` is no share, there is a ``'val'`` beside it, or ``split`` is unknown.
    """
    if not 0 <= validation < 1:
        raise ConfigError(f'{name}: validation={validation}, expected a share from 0 to below 1')
    if validation and 'val' in splits:
        raise ConfigError(
            f'{name}: validation={validation}, expected 0 where the splits ({", ".join(splits)}) have a val already'
        )
    if split not in splits and not (split == 'val' and validation):
        hint = '; validation=0.2 would hold out a fifth of training as val' if split == 'val' else ''
        raise ConfigError(f'{name}: split={split!r}, expected one of {", ".join(splits)}{hint}')
