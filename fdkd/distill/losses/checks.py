"""What every loss asks of its two tensors."""

from torch import Tensor

from fdkd.errors import LossError
from fdkd.labels import UNLABELLED, VOID

#: Dimension of the channels by number of dimensions: ``[N, D]``, ``[N, T, D]``, ``[N, C, H, W]``.
_CHANNEL = {2: 1, 3: 2, 4: 1}


def ignored_label(target: Tensor) -> int:
    """The label that does not count: -1 in a vector of classes, 255 in label maps."""
    return UNLABELLED if target.ndim == 1 else VOID


def same_shape(student: Tensor, teacher: Tensor) -> None:
    """Refuses two features of different shapes.

    Raises:
        ValueError: With both shapes and, where only the channels differ, the config line that would adapt them.
    """
    if student.shape == teacher.shape:
        return
    message = f'student feature {tuple(student.shape)} and teacher feature {tuple(teacher.shape)} differ'
    channel = _CHANNEL.get(student.ndim)
    if student.ndim == teacher.ndim and _differing(student, teacher) == [channel]:
        message += (
            f": add connector=dict(type='Projection', in_channels={student.shape[channel]}, "
            f'out_channels={teacher.shape[channel]}) to the loss'
        )
    raise LossError(message)


def _differing(student: Tensor, teacher: Tensor) -> list[int]:
    return [dim for dim in range(student.ndim) if student.shape[dim] != teacher.shape[dim]]
