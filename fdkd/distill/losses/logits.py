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
    return has, target.masked_fill(~has, 0)


def mean_over(values: Tensor, mask: Tensor | None) -> Tensor:
    """The mean of ``values`` where ``mask`` holds (everywhere for ``None``), 0 where it holds nowhere."""
    if mask is None:
        return values.mean()
    return values.masked_fill(~mask, 0).sum() / mask.sum().clamp_min(1)
