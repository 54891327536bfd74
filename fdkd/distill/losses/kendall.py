"""Kendall's rank correlation of many pairs of rows at once, on the device that holds them."""

import torch
from torch import Tensor

from fdkd.distill.losses.checks import at_least_float32
from fdkd.errors import LossError

#: Pairs of classes, times positions, that are compared at once: what fits a CPU's cache; a GPU wants longer runs.
_AT_ONCE_CPU, _AT_ONCE = 2**18, 2**24


@torch.no_grad()
def kendall_tau(a: Tensor, b: Tensor) -> Tensor:
    r"""Kendall's :math:`\tau_b` of ``a`` and ``b`` along the classes, for each sample or pixel.

    .. math:: \tau_b = \frac{\sum_{i<j} \operatorname{sgn}(a_i - a_j) \operatorname{sgn}(b_i - b_j)}
                            {\sqrt{\#\{i<j: a_i \ne a_j\} \; \#\{i<j: b_i \ne b_j\}}}

    It equals :func:`scipy.stats.kendalltau`, but is 0 where one side is constant, for which SciPy has NaN. Equal
    infinities are tied; a NaN is tied with everything. Memory beyond a copy of the input does not grow with the
    number of positions. There is no gradient: the correlation is a step function.

    Args:
        a: ``[M, K]`` or ``[N, K, H, W]``.
        b: The same shape.

    Returns:
        ``[M]`` or ``[N, H, W]`` in -1 to 1, in at least float32.

    Raises:
        ValueError: If the shapes differ or are none of these.

    Example:
        >>> a = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
        >>> kendall_tau(a, torch.tensor([[1.0, 3.0, 2.0], [5.0, 5.0, 5.0]]))
        tensor([0.3333, 0.0000])
    """
    if a.shape != b.shape or a.ndim not in (2, 4):
        raise LossError(f'{tuple(a.shape)} and {tuple(b.shape)}: expected the same shape [M, K] or [N, K, H, W]')
    a, b = at_least_float32(a, b)
    positions, classes = a.shape[:1] + a.shape[2:], a.shape[1]
    # Classes lead, so that each comparison of two classes runs along positions that lie beside each other.
    a, b = (x.movedim(1, 0).flatten(1) for x in (a, b))
    bound = _AT_ONCE_CPU if a.device.type == 'cpu' else _AT_ONCE
    columns = max(bound // max(classes, 1), 1)
    chunks = zip(a.split(columns, 1), b.split(columns, 1), strict=True)
    return torch.cat([_tau(x, y, bound) for x, y in chunks], dim=0).view(positions)


def _tau(a: Tensor, b: Tensor, bound: int) -> Tensor:
    """The correlation of each column of ``[K, M]``."""
    classes, columns = a.shape
    # Class i is compared with class i + d (modulo K) for d up to K/2, which meets every pair once; in doubled rows
    # the partners of all classes are a view. Of an even K, the last d would meet its pairs twice: half of them remain.
    a, b = torch.cat((a, a)), torch.cat((b, b))
    partners = [x.unfold(0, classes, 1).movedim(-1, 1) for x in (a, b)] if classes else []
    counts = a.new_zeros(3, columns)
    offsets = range(1, (classes - 1) // 2 + 1)
    step = max(bound // max(classes * columns, 1), 1)
    for first in offsets[::step]:
        last = min(first + step, offsets.stop)
        x, y = (shifted[first:last] - own[:classes] for shifted, own in zip(partners, (a, b), strict=True))
        counts += _count(x, y)
    if classes and classes % 2 == 0:
        half = classes // 2
        counts += _count(*((x[half:classes] - x[:half]).unsqueeze(0) for x in (a, b)))
    agreement, untied_a, untied_b = counts
    return (agreement / (untied_a * untied_b).sqrt().clamp_min(1)).clamp(-1, 1)


def _count(x: Tensor, y: Tensor) -> Tensor:
    """Of differences ``[D, K, M]``: concordant less discordant pairs, and pairs that differ on each side."""
    x, y = x.sign_(), y.sign_()  # signs before products, since a product of small differences can underflow
    return torch.stack([(x * y).sum((0, 1)), x.abs_().sum((0, 1)), y.abs_().sum((0, 1))])
