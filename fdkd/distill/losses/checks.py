"""What every loss asks of its two tensors."""

from torch import Tensor

#: Label of a pixel or sample that does not count.
IGNORED = 255


def same_shape(student: Tensor, teacher: Tensor) -> None:
    """Refuses two features of different shapes.

    Raises:
        ValueError: With both shapes and the config line that would adapt them.
    """
    if student.shape == teacher.shape:
        return
    message = f'student feature {tuple(student.shape)} and teacher feature {tuple(teacher.shape)} differ'
    channel = 1 if student.ndim in (2, 4) else 2
    if student.ndim == teacher.ndim and student.shape[channel] != teacher.shape[channel]:
        message += (
            f": add connector=dict(type='Projection', in_channels={student.shape[channel]}, "
            f'out_channels={teacher.shape[channel]}) to the loss'
        )
    raise ValueError(message)
