"""A control for pairs: every sample gets the sound (or whatever the modality is) of another sample.

A teacher that helps just as much when it looks at another scene, or at another scene of the same class, does not teach
what the two sensors share.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fdkd.errors import ConfigError, DataError

#: ``'any'`` takes another sample's value, ``'class'`` that of another sample with the same label.
KINDS = ('any', 'class')


def check_mispair(mispair: Any, modalities: Sequence[str], owner: str) -> dict[str, str]:
    """``mispair`` as a dictionary of modality to kind.

    Raises:
        ConfigError: If it is no such dictionary, or names a modality or kind that does not exist.
    """
    if not isinstance(mispair, Mapping):
        raise ConfigError(f"{owner}: mispair={mispair!r}, expected a kind by modality, such as dict(audio='any')")
    for modality, kind in mispair.items():
        if modality not in modalities:
            raise ConfigError(f'{owner}: mispair.{modality}: no such modality, expected one of {", ".join(modalities)}')
        if kind not in KINDS:
            raise ConfigError(f"{owner}: mispair.{modality}={kind!r}, expected 'any' or 'class'")
    return dict(mispair)


def mispaired(samples: list[dict], modality: str, kind: str, owner: str) -> tuple[list[dict], int]:
    """The samples with the values of ``modality`` dealt out anew, so that nobody keeps the own one.

    The samples that have the modality stand in one random circle, or with ``'class'`` in one for each label, and each
    takes the value of the next one; a sample that lacks the modality goes on lacking it. The circles depend on the
    samples alone, in their order, and on no seed. With ``'class'``, a sample that is alone with its label or has none
    keeps its value.

    Args:
        samples: As :class:`~fdkd.datasets.base.MultimodalDataset` describes them. They are not changed.
        modality: The modality, whose value stands under ``NAME`` or ``NAME_path``.
        kind: ``'any'`` or ``'class'``.
        owner: Name of the data set, for messages.

    Returns:
        The samples in the order that they came in, and how many of them kept their value.

    Raises:
        ConfigError: If ``kind`` is ``'class'`` and the samples have no classes.
        DataError: If no two samples could swap.
    """
    holders = [place for place, sample in enumerate(samples) if modality in sample['present']]
    if kind == 'class' and not all('gt_label' in sample for sample in samples):
        raise ConfigError(f"{owner}: mispair.{modality}='class' needs samples with one class each; take 'any'")
    circles: dict[Any, list[int]] = {}
    for place in holders:
        label = None if kind == 'any' else samples[place]['gt_label']
        if kind == 'class' and 'label' not in samples[place]['present']:
            label = f'none, at {place}'
        circles.setdefault(label, []).append(place)
    # RandomState and not a Generator: NumPy promises that its numbers never change between versions.
    order = np.random.RandomState(0)
    dealt = list(samples)
    for circle in circles.values():
        turn = order.permutation(circle)
        for place, other in zip(turn, np.roll(turn, -1), strict=True):
            dealt[place] = {**samples[place], **_value(samples[other], modality, owner)}
    alone = sum(len(circle) == 1 for circle in circles.values())
    if alone == len(holders):
        raise DataError(
            f'{owner}: mispair.{modality}={kind!r}: none of the {len(samples)} samples can swap its {modality}'
        )
    return dealt, alone


def _value(sample: dict, modality: str, owner: str) -> dict:
    found = {key: sample[key] for key in (modality, f'{modality}_path') if key in sample}
    if not found:
        raise DataError(
            f'{owner}: the sample {sample["sample_id"]} has neither {modality!r} nor {modality + "_path"!r}, under '
            'which mispair looks for what to swap'
        )
    return found
