"""The Haar wavelet transform of maps, and back."""

import torch
from torch import Tensor
from torch.nn.functional import pad

#: The three bands of one level: differences along rows, along columns, along both.
Details = tuple[Tensor, Tensor, Tensor]


def haar(x: Tensor, levels: int) -> tuple[Tensor, list[Details]]:
    """The orthonormal Haar wavelet transform of maps.

    A level halves height and width; an odd side first gets a row or column of zeros, as in the public code. Where a
    side is down to 1 there is nothing left to split, and the levels end: a 5x2 map has one, a 1x1 map none.

    Args:
        x: ``[N, C, H, W]``.
        levels: The most levels.

    Returns:
        The approximation, and the details of each level, the finest first.

    Example:
        >>> approximation, details = haar(torch.tensor([[[[4.0, 2.0], [0.0, 2.0]]]]), levels=3)
        >>> approximation.item(), [band.item() for band in details[0]]
        (4.0, [0.0, 2.0, 2.0])
    """
    details = []
    while len(details) < levels and min(x.shape[2:]) > 1:
        x, *bands = _split(x)
        details.append(tuple(bands))
    return x, details


def inverse_haar(approximation: Tensor, details: list[Details], size: torch.Size) -> Tensor:
    """The map of height and width ``size`` that :func:`haar` splits into these bands."""
    sizes = [size]
    for _ in details[1:]:
        sizes.append([-(-side // 2) for side in sizes[-1]])
    for bands, (height, width) in zip(reversed(details), reversed(sizes), strict=True) if details else ():
        approximation = _merge(approximation, *bands)[..., :height, :width]
    return approximation


def _split(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    height, width = x.shape[2:]
    if height % 2 or width % 2:
        x = pad(x, (0, width % 2, 0, height % 2))
    top, bottom = x[:, :, ::2], x[:, :, 1::2]
    low, high = (top + bottom) / 2, (top - bottom) / 2
    pairs = [(half[..., ::2], half[..., 1::2]) for half in (low, high)]
    return pairs[0][0] + pairs[0][1], pairs[0][0] - pairs[0][1], pairs[1][0] + pairs[1][1], pairs[1][0] - pairs[1][1]


def _merge(ll: Tensor, lh: Tensor, hl: Tensor, hh: Tensor) -> Tensor:
    low, high = (torch.stack([a + b, a - b], -1).flatten(-2) for a, b in ((ll, lh), (hl, hh)))
    return torch.stack([low + high, low - high], 3).flatten(2, 3) / 2
