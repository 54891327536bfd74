"""What every loss asks of its two tensors."""

import torch
from torch import Tensor

from fdkd.errors import LossError
from fdkd.labels import UNLABELLED, VOID

#: Dimension of the channels by number of dimensions: ``[N, D]``, ``[N, T, D]``, ``[N, C, H, W]``.
_CHANNEL = {2: 1, 3: 2, 4: 1}
#: Dimensions of the positions of a map.
_POSITIONS = {2, 3}


def ignored_label(target: Tensor) -> int:
    """The label that does not count: -1 in a vector of classes, 255 in label maps."""
    return UNLABELLED if target.ndim == 1 else VOID


def at_least_float32(*tensors: Tensor) -> list[Tensor]:
    """The tensors in the widest of their types, and in float32 at least."""
    dtype = torch.float32
    for tensor in tensors:
        if tensor.dtype != dtype:  # mostly equal, and on small tensors a loss is as fast as its calls are few
            dtype = torch.promote_types(dtype, tensor.dtype)
    return [tensor if tensor.dtype == dtype else tensor.to(dtype) for tensor in tensors]


def same_shape(student: Tensor, teacher: Tensor) -> None:
    """Refuses two features of different shapes.

    Raises:
        ValueError: With both shapes and, where connectors can adapt the student's, the config line that does.
    """
    if student.shape == teacher.shape:
        return
    message = f'student feature {tuple(student.shape)} and teacher feature {tuple(teacher.shape)} differ'
    if connectors := _adapting(student, teacher):
        line = connectors[0] if len(connectors) == 1 else f'[{", ".join(connectors)}]'
        message += f': add connector={line} to the loss'
    raise LossError(message)


def _adapting(student: Tensor, teacher: Tensor) -> list[str]:
    """The connectors that bring the student's shape to the teacher's; none where no connector does."""
    if student.ndim != teacher.ndim or student.ndim not in _CHANNEL:
        return []
    channel = _CHANNEL[student.ndim]
    differing = {dim for dim in range(student.ndim) if student.shape[dim] != teacher.shape[dim]}
    connectors = []
    if student.ndim == 4 and differing & _POSITIONS:
        connectors.append("dict(type='Resize')")
        differing -= _POSITIONS
    if channel in differing:
        widths = f'in_channels={student.shape[channel]}, out_channels={teacher.shape[channel]}'
        connectors.append(f"dict(type='Projection', {widths})")
        differing.discard(channel)
    return [] if differing else connectors
