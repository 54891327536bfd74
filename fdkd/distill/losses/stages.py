"""What losses with one adapter per stage share: a tap's features as maps, and checks of channels."""

from collections.abc import Sequence

from torch import Tensor

from fdkd.errors import LossError

#: Channels of a tap: one number for a tensor, one per stage for a list.
Channels = int | Sequence[int] | None


def as_map(x: Tensor) -> Tensor:
    """``[N, D]`` as a map ``[N, D, 1, 1]``; ``[N, C, H, W]`` as it is.

    Raises:
        ValueError: If ``x`` is neither.
    """
    if x.ndim not in (2, 4):
        raise LossError(f'feature {tuple(x.shape)}: expected a vector [N, D] or a map [N, C, H, W] per stage')
    return x[:, :, None, None] if x.ndim == 2 else x


def stage_channels(loss: str, student: Channels, teacher: Channels) -> list[tuple[int, int]]:
    """The channels of student and teacher, stage by stage.

    Args:
        loss: Name of the loss, for messages.
        student: Channels of the student's tap.
        teacher: Channels of the teacher's tap.

    Raises:
        ValueError: If either is missing, or their numbers of stages differ.

    Example:
        >>> stage_channels('OFDLoss', [64, 128], [64, 256])
        [(64, 64), (128, 256)]
    """
    if student is None or teacher is None:
        raise LossError(
            f'{loss} needs the channels of the tap in both models: add student_channels=... and teacher_channels=... '
            'to the loss (a number for a tensor, a list for a list)'
        )
    student, teacher = ([side] if isinstance(side, int) else list(side) for side in (student, teacher))
    if len(student) != len(teacher):
        raise LossError(f'{loss} pairs stage with stage: student_channels {student}, teacher_channels {teacher}')
    return list(zip(student, teacher, strict=True))


def stage_pairs(
    student: Tensor | Sequence[Tensor], teacher: Tensor | Sequence[Tensor], channels: Sequence[tuple[int, int]]
) -> list[tuple[Tensor, Tensor]]:
    """The features of both models, stage by stage.

    Args:
        student: A feature ``[N, D]`` or ``[N, C, H, W]``, or one per stage.
        teacher: The same of the teacher.
        channels: What :func:`stage_channels` gave.

    Raises:
        ValueError: If the number of stages or the channels of one are not what the loss was built for.
    """
    features = [[side] if isinstance(side, Tensor) else list(side) for side in (student, teacher)]
    for side, stages, widths in zip(('student', 'teacher'), features, zip(*channels, strict=True), strict=True):
        shapes = ', '.join(str(tuple(x.shape)) for x in stages)
        if [x.shape[1] for x in stages] != list(widths):
            raise LossError(f'{side} features {shapes}: the loss was built for {side}_channels {list(widths)}')
    return list(zip(*features, strict=True))
