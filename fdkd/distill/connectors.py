"""Adapters where student and teacher features differ in width or size: modules of the student's and the teacher's."""

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from fdkd.registry import CONNECTORS


@CONNECTORS.register_module()
class Projection(nn.Module):
    """A learnt linear map of the channels, applied to the student's feature before the loss.

    ``[N, D]`` and ``[N, T, D]`` are mapped along their last dimension, ``[N, C, H, W]`` along ``C`` (1x1 convolution).

    Args:
        in_channels: Channels of the student's feature.
        out_channels: Channels of the teacher's feature.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, out_channels, bias=False)

    def forward(self, student: Tensor, teacher: Tensor | None = None) -> Tensor:
        if student.ndim == 4:
            return nn.functional.conv2d(student, self.linear.weight[:, :, None, None])
        return self.linear(student)


@CONNECTORS.register_module()
class Resize(nn.Module):
    """Brings the student's map ``[N, C, H, W]`` to the teacher's height and width.

    A larger map is averaged over windows that tile it as evenly as its size allows, a smaller one is repeated; one of
    the right size stays as it is. Of two lists, each map is brought to the size of its counterpart.
    """

    def forward(self, student: Tensor | list[Tensor], teacher: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
        if isinstance(student, list):
            return [self(ours, theirs) for ours, theirs in zip(student, teacher, strict=True)]
        size = teacher.shape[2:]
        return student if student.shape[2:] == size else adaptive_avg_pool2d(student, size)
