"""DIST (Huang et al., NeurIPS 2022, arXiv 2205.10536): match correlations of the predictions, not their values."""

import math

import torch
from torch import Tensor, nn

from fdkd.distill.losses.logits import counted, mean_over, prepare_logits
from fdkd.registry import DISTILL_LOSSES

#: Up to how many units of the last place a sum of probabilities may be off; no smaller spread is taken for one.
_NOISE = 32


def dist_loss(
    student: Tensor,
    teacher: Tensor,
    target: Tensor | None = None,
    *,
    beta: float = 1.0,
    gamma: float = 1.0,
    tau: float = 1.0,
) -> Tensor:
    r"""One minus the Pearson correlation of student and teacher, over classes and over positions.

    .. math::
        \tau^2 \Big( \beta \big(1 - \tfrac1M \sum_i \rho(p_{i:}, q_{i:})\big)
                   + \gamma \big(1 - \tfrac1K \sum_k \rho(p_{:k}, q_{:k})\big) \Big)

    with :math:`p, q` the softmax of student and teacher logits over :math:`\tau`, i over the M positions that count and
    k over the K classes. The first term (inter-class) looks along the classes of one position; the second (intra-class)
    along the positions of one class, all pixels of all images of the batch together, as in the public code.

    The defaults and the factor :math:`\tau^2` are those of the public code; further weights of its trainer are the
    config's here. It takes in void pixels as well; here they do not count.

    The correlation with something constant has no value. As in the public code it counts as 0, so that such a position
    or class costs its full weight, even where student and teacher agree; but its gradient is 0 here, where the public
    code divides by 1e-8. A spread of the size of rounding errors, or below 1e-10, counts as none. The intra-class term
    is 0 where fewer than two positions count, since one alone correlates with nothing (in the public code: gamma).

    Args:
        student: Logits ``[N, K]`` or ``[N, K, H, W]``, K >= 2. For K = 2 each inter-class correlation is 1 or -1 and
            has no gradient.
        teacher: The same shape.
        target: Labels ``[N]`` or ``[N, H, W]``, for void pixels alone (255); ``None`` counts every position, and so do
            samples without a label.
        beta: Weight of the inter-class term.
        gamma: Weight of the intra-class term.
        tau: Temperature, above 0.

    Returns:
        A scalar of 0 (perfectly correlated, up to rounding) or more, in at least float32; 0 where no position counts.

    Raises:
        ValueError: If the shapes differ, are none of logits, or have a single class.

    Example:
        >>> logits = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> round(dist_loss(logits, -logits).item(), 5)
        4.0
    """
    student, teacher = prepare_logits(student, teacher, target)
    mask = counted(student, target)
    p, q = (student / tau).softmax(1), (teacher / tau).softmax(1)
    inter = mean_over(1 - _over_classes(p, q), mask, tau**2 * beta)
    intra = mean_over(1 - _over_positions(p, q, mask), None, tau**2 * gamma)
    if mask is None:
        return inter + intra if p.numel() > p.shape[1] else inter
    return inter + intra * (mask.sum() > 1)


def _over_classes(p: Tensor, q: Tensor) -> Tensor:
    """Pearson correlation of two distributions along dim 1, one value per position."""
    mean = 1 / p.shape[1]  # they sum to 1
    noise = (_NOISE * torch.finfo(p.dtype).eps) ** 2 * mean
    p, q = p - mean, q - mean
    return (p * q).sum(1) * _inverse_norm(p, noise, (1,)) * _inverse_norm(q, noise, (1,))


def _over_positions(p: Tensor, q: Tensor, mask: Tensor | None) -> Tensor:
    """Pearson correlation of ``[N, K, ...]`` along all dimensions but the classes, over the positions in ``mask``."""
    dims = (0, *range(2, p.ndim))
    weight = None if mask is None else mask.unsqueeze(1).to(p.dtype)
    count = p[:, :1].numel() if weight is None else weight.sum().clamp_min(1)
    centred, scales = [], []
    for x in (p, q):
        x = x if weight is None else x * weight
        # The mean needs no gradient: all that it is multiplied with, deviations from it, sums to 0.
        mean = x.detach().sum(dims, keepdim=True) / count
        x = x - mean if weight is None else x.addcmul(weight, mean, value=-1)
        # The square of what rounding errors of the mean would make the norm.
        noise = mean.flatten().square() * (count * (_NOISE * torch.finfo(x.dtype).eps) ** 2)
        centred.append(x)
        scales.append(_inverse_norm(x, noise.clamp_min(1e-20), dims))
    return (centred[0] * centred[1]).sum(dims) * scales[0] * scales[1]


def _inverse_norm(x: Tensor, noise: Tensor | float, dims: tuple[int, ...]) -> Tensor:
    """One over the norm along ``dims``; 0, with gradient 0, where the squared norm is no more than ``noise``."""
    # A sum of squares, since on a CPU torch.linalg.vector_norm takes several times as long across such dimensions.
    squares = x.square().sum(dims)
    return squares.masked_fill(squares <= noise, math.inf).rsqrt()


@DISTILL_LOSSES.register_module()
class DISTLoss(nn.Module):
    """:func:`dist_loss` as a configurable loss on the ``logits`` tap.

    Args:
        beta: See :func:`dist_loss`.
        gamma: See :func:`dist_loss`.
        tau: See :func:`dist_loss`.
    """

    def __init__(self, beta: float = 1.0, gamma: float = 1.0, tau: float = 1.0) -> None:
        super().__init__()
        self.beta, self.gamma, self.tau = beta, gamma, tau

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> Tensor:
        return dist_loss(student, teacher, target, beta=self.beta, gamma=self.gamma, tau=self.tau)
