"""Layers for vectors: embeddings that another program computed, readings of a sensor, columns of a table."""

from mmengine.model import BaseModule
from torch import Tensor, nn
from torchvision.ops import MLP

from fdkd.registry import BACKBONES


@BACKBONES.register_module()
class VectorMLP(BaseModule):
    """torchvision's ``MLP``, linear layers with a ReLU between each two, for vectors ``[D]``.

    Its stages are what each layer puts out, before the ReLU that follows it. All are of one width.

    Args:
        in_channels: D, the length of a vector.
        out_channels: Width of every layer, and so of the feature. The default is that of a ResNet-18, so that their
            features can be compared as they are.
        depth: Number of layers.
        init_cfg: As of MMEngine's ``BaseModule``; the layers start as torch's ``Linear`` does.

    Example:
        >>> import torch
        >>> VectorMLP(in_channels=24)(torch.ones(2, 24)).shape
        torch.Size([2, 512])
    """

    def __init__(self, in_channels: int, out_channels: int = 512, depth: int = 2, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.layers = MLP(in_channels, [out_channels] * depth)
        self.channels, self.activation = out_channels, nn.ReLU()
        linear = [name for name, layer in self.layers.named_children() if isinstance(layer, nn.Linear)]
        self.stages = tuple(f'layers.{name}' for name in linear)

    def forward(self, x: Tensor) -> Tensor:
        """Maps vectors to features before the last ReLU.

        Args:
            x: ``[N, D]``; or several vectors of a sample, ``[N, T, D]`` or ``[N, 1, T, D]`` (as ``LoadArray`` leaves a
                matrix), which pass one by one.

        Returns:
            ``[N, out_channels]``, or ``[N, out_channels, T]``, over which a classifier takes the mean.
        """
        if x.ndim == 2:
            return self.layers(x)
        return self.layers(x.flatten(1, -2)).mT
