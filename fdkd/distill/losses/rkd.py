"""RKD (Park et al., CVPR 2019, arXiv 1904.05068): the distances and the angles between the samples of a batch."""

import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from fdkd.distill.losses.checks import at_least_float32
from fdkd.errors import LossError
from fdkd.registry import DISTILL_LOSSES

#: Dimensions of the positions by number of dimensions: ``[N, D]``, ``[N, T, D]``, ``[N, C, H, W]``.
_POSITIONS = {2: (), 3: (1,), 4: (2, 3)}


def rkd_distance_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Smooth L1 between the distances of all pairs of samples, each model's in units of its own mean distance.

    .. math:: \frac1{N^2} \sum_{i,j} \ell_\delta\Big(\frac{\lVert x^a_i - x^a_j \rVert}{\mu^a},
        \frac{\lVert x^b_i - x^b_j \rVert}{\mu^b}\Big)

    with :math:`\mu` the mean of the distances that are not 0 and :math:`\ell_\delta` the Huber loss with
    :math:`\delta = 1`. The gradient passes through the student's :math:`\mu`, as in the public code.

    Scaling, rotating or shifting all samples of a model changes nothing. Two samples that differ give 0 (one distance,
    its own mean); one sample has no pair and gives 0 too.

    Deviations: the mean runs over :math:`N^2` pairs, with the zeros of :math:`i = j`, as in the public code (the paper
    sums over :math:`i \neq j`). Samples that coincide are at distance 0, do not count in :math:`\mu` and have no
    gradient between each other; in the public code they are at :math:`10^{-6}` and count.

    Args:
        student: ``[N, D]``; ``[N, T, D]`` and ``[N, C, H, W]`` are averaged over their positions, since the paper takes
            the output of the last pooling layer. (It has no definition for dense prediction; none is made up here.)
        teacher: The same with ``N`` samples; widths and positions may differ.

    Returns:
        A scalar of 0 or more, in at least float32.

    Raises:
        ValueError: If the numbers of samples differ, or a shape is none of these.

    Example:
        >>> square = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
        >>> rkd_distance_loss(4 * square, square).item()
        0.0
    """
    return _distance_term(*_distances(student, teacher))


def rkd_angle_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Smooth L1 between the cosines of the angles that all triplets of samples form.

    .. math:: \frac1{N^3} \sum_{i,j,k} \ell_\delta\big(\cos \angle x^a_i x^a_j x^a_k, \cos \angle x^b_i x^b_j x^b_k\big)

    The cosines come from the law of cosines on the distances, so that nothing of size :math:`N \times N \times D` is
    kept for backward, but four numbers per triplet: in float32 4 MB for N = 64, 34 MB for N = 128, 270 MB for N = 256.

    Scaling, rotating or shifting all samples of a model changes nothing. One and two samples have no angle and give 0.

    Deviations: the mean runs over :math:`N^3` triplets, also those in which samples repeat (0 or 1 on both sides), as
    in the public code (the paper sums over distinct samples). An angle with a side of length 0 has the cosine 0, as
    there, and no gradient.

    Args:
        student: See :func:`rkd_distance_loss`.
        teacher: See :func:`rkd_distance_loss`.

    Returns:
        A scalar of 0 or more, in at least float32.

    Raises:
        ValueError: As in :func:`rkd_distance_loss`.

    Example:
        >>> straight, bent = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
        >>> bool(rkd_angle_loss(straight, bent) > rkd_angle_loss(straight, 5 - straight))
        True
    """
    return _angle_term(*_distances(student, teacher))


def rkd_loss(
    student: Tensor, teacher: Tensor, *, distance_weight: float = 25.0, angle_weight: float = 50.0
) -> dict[str, Tensor]:
    """Both parts from one computation of the distances.

    Args:
        student: See :func:`rkd_distance_loss`.
        teacher: See :func:`rkd_distance_loss`.
        distance_weight: Weight of :func:`rkd_distance_loss`; 0 leaves it out. 25 is the paper's for the classification
            of CIFAR-100 and Tiny ImageNet (1 for metric learning).
        angle_weight: Weight of :func:`rkd_angle_loss`; 0 leaves it out. 50 in the same setting (2 for metric learning).

    Returns:
        ``loss_distance`` and ``loss_angle``, weighted.

    Raises:
        ValueError: As in :func:`rkd_distance_loss`.
    """
    terms = {'loss_distance': (distance_weight, _distance_term), 'loss_angle': (angle_weight, _angle_term)}
    distances = _distances(student, teacher)
    return {name: weight * term(*distances) for name, (weight, term) in terms.items() if weight}


def _distances(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """The ``[N, N]`` distances of both models."""
    if not {student.ndim, teacher.ndim} <= set(_POSITIONS) or len(student) != len(teacher):
        raise LossError(
            f'student feature {tuple(student.shape)} and teacher feature {tuple(teacher.shape)}: '
            'expected [N, D], [N, T, D] or [N, C, H, W] with the same N'
        )
    student, teacher = at_least_float32(_embedding(student), _embedding(teacher))
    # From differences, not from inner products as in the public code: exact for samples that are close or far from 0.
    exact = 'donot_use_mm_for_euclid_dist'
    return torch.cdist(student, student, compute_mode=exact), torch.cdist(teacher, teacher, compute_mode=exact)


def _embedding(x: Tensor) -> Tensor:
    """``[N, D]``: the mean over the positions."""
    positions = _POSITIONS[x.ndim]
    return x.mean(positions, dtype=torch.promote_types(x.dtype, torch.float32)) if positions else x


def _distance_term(student: Tensor, teacher: Tensor) -> Tensor:
    return smooth_l1_loss(_in_units_of_the_mean(student), _in_units_of_the_mean(teacher))


def _in_units_of_the_mean(distances: Tensor) -> Tensor:
    mean = distances.sum() / distances.count_nonzero().clamp_min(1)
    return distances / mean.masked_fill(mean == 0, 1)


def _angle_term(student: Tensor, teacher: Tensor) -> Tensor:
    return smooth_l1_loss(_cosines(student), _cosines(teacher))


def _cosines(distances: Tensor) -> Tensor:
    """``[j, i, k]``: the cosine at ``j`` between ``i`` and ``k``, 0 where one of them coincides with ``j``."""
    squares, coincide = distances.square(), distances == 0
    inverse = distances.masked_fill(coincide, 1).reciprocal().masked_fill(coincide, 0)
    products = squares[:, :, None] + squares[:, None, :] - squares
    return products * (inverse / 2)[:, :, None] * inverse[:, None, :]


@DISTILL_LOSSES.register_module()
class RKDLoss(nn.Module):
    """:func:`rkd_loss` as a configurable loss on the ``feat`` tap; it needs no labels and no equal widths."""

    def __init__(self, distance_weight: float = 25.0, angle_weight: float = 50.0) -> None:
        super().__init__()
        self.distance_weight, self.angle_weight = distance_weight, angle_weight

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> dict[str, Tensor]:
        return rkd_loss(student, teacher, distance_weight=self.distance_weight, angle_weight=self.angle_weight)
