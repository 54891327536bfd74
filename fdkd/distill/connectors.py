"""Adapters where student and teacher features differ in width."""

from torch import Tensor, nn

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

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 4:
            return nn.functional.conv2d(x, self.linear.weight[:, :, None, None])
        return self.linear(x)
