"""ResNet-18 up to its last sum: the ReLU after it is left to whoever reads the feature."""

import torchvision
from mmengine.model import BaseModule
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

from fdkd.registry import BACKBONES


class _OpenBlock(BasicBlock):
    """A block without the ReLU at its end."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))


@BACKBONES.register_module()
class ResNet18(BaseModule):
    """torchvision's ResNet-18 without pooling and classifier, for images, spectrograms and other arrays.

    Modules carry torchvision's names, so its weights fit. Convolutions start Kaiming-normal (He et al., ICCV 2015).

    Args:
        in_channels: Channels of the input.
        init_cfg: Weights to start from, for example ``dict(type='ImageNetInit', arch='resnet18')``.
    """

    channels = 512
    #: Paths of the four stages' maps, of 1/4 to 1/32 of the input's size, each before its last ReLU.
    stages = ('layer1.1.relu:input', 'layer2.1.relu:input', 'layer3.1.relu:input', 'layer4')

    def __init__(self, in_channels: int = 3, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.conv1 = nn.Conv2d(in_channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        trunk = torchvision.models.resnet18()
        trunk.layer4[1] = _OpenBlock(512, 512)
        for name in ('bn1', 'relu', 'maxpool', 'layer1', 'layer2', 'layer3', 'layer4'):
            self.add_module(name, getattr(trunk, name))
        self.activation = nn.ReLU()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``[N, in_channels, H, W]`` to ``[N, 512, H / 32, W / 32]`` (rounded up), before the last ReLU."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))
