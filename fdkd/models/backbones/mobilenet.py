"""MobileNetV2 up to its last batch norm: the ReLU6 after it is left to whoever reads the feature."""

import torchvision
from mmengine.model import BaseModule
from torch import Tensor, nn

from fdkd.registry import BACKBONES


@BACKBONES.register_module()
class MobileNetV2(BaseModule):
    """torchvision's MobileNetV2 (Sandler et al., CVPR 2018) without pooling and classifier.

    Modules carry torchvision's names, so its weights fit. Convolutions start Kaiming-normal.

    Args:
        init_cfg: Weights to start from, for example ``dict(type='ImageNetInit', arch='mobilenet_v2')``.
    """

    channels = 1280
    #: Paths of the maps of 1/4 to 1/32 of the input's size; the first three come from blocks without an activation.
    stages = ('features.3', 'features.6', 'features.13', 'features.18')

    def __init__(self, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.features = torchvision.models.mobilenet_v2().features
        self.features[18] = nn.Sequential(*list(self.features[18])[:2])
        self.activation = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[N, 3, H, W]`` to ``[N, 1280, H / 32, W / 32]`` (rounded up), before the last ReLU6."""
        return self.features(x)
