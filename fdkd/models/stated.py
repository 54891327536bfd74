"""The normalisation that pretrained weights expect, and what to say where they are to see another."""

from typing import NamedTuple

from torch import nn


class Stated(NamedTuple):
    """The normalisation that weights were trained with, for values of 0 to 255."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def contradiction(model: nn.Module, normalizer: nn.Module | None) -> str | None:
    """What to say where a model's pretrained weights saw other values than it is to be given; else ``None``.

    Only images of three channels are judged: of depth or sound no weights state anything.

    Args:
        model: Any model.
        normalizer: What prepares its modality, a :class:`~fdkd.models.preprocessor.Normalizer` if it normalises.
    """
    stated = getattr(model, 'stated', None)
    mean, std = (getattr(normalizer, name, None) for name in ('mean', 'std'))
    if stated is None or mean is None or mean.numel() != len(stated.mean):
        return None
    given = Stated(*(tuple(round(value, 3) for value in x.flatten().tolist()) for x in (mean, std)))
    close = all(abs(a - b) <= 1 for pair in zip(given, stated, strict=True) for a, b in zip(*pair, strict=True))
    if close:
        return None
    return (
        f'{model.name}: its weights expect mean={list(stated.mean)}, std={list(stated.std)} for values of 0 to 255, '
        f'and data_preprocessor has mean={list(given.mean)}, std={list(given.std)}'
    )
