"""Adapters where student and teacher features differ in width or size: modules of the student's and the teacher's."""

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from fdkd.errors import LossError
from fdkd.registry import CONNECTORS


def shapes(feature: Tensor | list[Tensor]) -> str:
    """The shape of a feature, or those of a list, as messages show them."""
    if isinstance(feature, list):
        return f'[{", ".join(map(shapes, feature))}]'
    return str(tuple(feature.shape))


@CONNECTORS.register_module()
class Projection(nn.Module):
    """A learnt linear map of the channels, applied to the student's feature before the loss.

    ``[N, D]`` and ``[N, T, D]`` are mapped along their last dimension, ``[N, C, H, W]`` along ``C`` (1x1 convolution).

    Args:
        in_channels: Channels of the student's feature.
        out_channels: Channels of the teacher's feature.

    Raises:
        ValueError: If the feature is a list or has other channels.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.linear = nn.Linear(in_channels, out_channels, bias=False)

    def forward(self, student: Tensor, teacher: Tensor | None = None) -> Tensor:
        width = self.linear.in_features
        if isinstance(student, list) or student.shape[1 if student.ndim == 4 else -1] != width:
            raise LossError(f'Projection adapts one feature of {width} channels, it got {shapes(student)}')
        if student.ndim == 4:
            return nn.functional.conv2d(student, self.linear.weight[:, :, None, None])
        return self.linear(student)


@CONNECTORS.register_module()
class Resize(nn.Module):
    """Brings the student's map ``[N, C, H, W]`` to the teacher's height and width.

    A larger map is averaged over windows that tile it as evenly as its size allows, a smaller one is repeated; one of
    the right size stays as it is. Of two lists, each map is brought to the size of its counterpart.

    Raises:
        ValueError: If the features are no maps, or lists of different lengths.
    """

    def forward(self, student: Tensor | list[Tensor], teacher: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
        pair = [feature if isinstance(feature, list) else [feature] for feature in (student, teacher)]
        if len(pair[0]) != len(pair[1]) or any(x.ndim != 4 for feature in pair for x in feature):
            raise LossError(
                f'Resize brings maps [N, C, H, W] to the sizes of as many others, it got {shapes(student)} and '
                f'{shapes(teacher)}'
            )
        if isinstance(student, list):
            return [self(ours, theirs) for ours, theirs in zip(*pair, strict=True)]
        size = pair[1][0].shape[2:]
        return student if student.shape[2:] == size else adaptive_avg_pool2d(student, size)
