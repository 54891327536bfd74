"""What losses on logits share: which positions of ``[N, K]`` or ``[N, K, H, W]`` count, and means over them.

Positions are the samples of ``[N, K]`` and the pixels of ``[N, K, H, W]``; a loss computes a value for each and
averages over those that count. Nothing is indexed by a mask, since that would wait for the device.
"""

from torch import Tensor

from fdkd.distill.losses.checks import at_least_float32, ignored_label, same_shape
from fdkd.errors import LossError


def prepare_logits(student: Tensor, teacher: Tensor, target: Tensor | None) -> tuple[Tensor, Tensor]:
    """Both logits in at least float32, after a check of their shapes.

    Args:
        student: ``[N, K]`` or ``[N, K, H, W]``.
        teacher: The same shape.
        target: ``[N]``, ``[N, H, W]`` or ``None``.

    Raises:
        ValueError: If the shapes differ, are none of logits, have a single class, or do not fit the labels.
    """
    same_shape(student, teacher)
    shape = tuple(student.shape)
    if student.ndim not in (2, 4):
        raise LossError(f'logits {shape}: expected [N, K] or [N, K, H, W]')
    if student.shape[1] < 2:
        raise LossError(f'logits {shape}: a single class has no distribution; expected K >= 2')
    if target is not None and target.shape != student.shape[:1] + student.shape[2:]:
        raise LossError(f'labels {tuple(target.shape)} do not fit logits {shape}')
    student, teacher = at_least_float32(student, teacher)
    return student, teacher


def counted(logits: Tensor, target: Tensor | None) -> Tensor | None:
    """Which positions a loss without classes of its own averages over: ``None`` for all, else bool ``[N, H, W]``.

    A sample without a label (-1) counts, since only its task is unknown; a void pixel (255) does not, since nobody
    asks for it.
    """
    return None if target is None or logits.ndim == 2 else target != ignored_label(target)


def labelled(target: Tensor | None) -> tuple[Tensor, Tensor]:
    """Which positions have a class (bool) and their classes, 0 where there is none; both shaped as ``target``.

    Raises:
        ValueError: If there are no labels.
    """
    if target is None:
        raise LossError('this loss compares the target class with the others: it needs labels')
    has = target != ignored_label(target)
    return has, target * has


def mean_over(values: Tensor, mask: Tensor | None, weight: float = 1.0) -> Tensor:
    """``weight`` times the mean of ``values`` where ``mask`` holds (everywhere for ``None``), 0 where it holds nowhere.

    The weight joins the divisor, which has no gradient: on small tensors a loss is as fast as its steps are few.
    """
    if mask is None:
        return values.sum() * (weight / max(values.numel(), 1))
    count = mask.sum(dtype=values.dtype).clamp_min(1)
    return values.masked_fill(~mask, 0).sum() / (count if weight == 1 else count / weight)


def mean_of_sums(terms: Tensor, mask: Tensor | None, weight: float = 1.0) -> Tensor:
    """:func:`mean_over` of the sums of ``terms`` along dim 1, the classes; in one sum where every position counts."""
    if mask is None:
        return mean_over(terms, None, weight * terms.shape[1])
    return mean_over(terms.sum(1), mask, weight)
