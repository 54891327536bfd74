"""A backbone that trains in no time, registered as a user's own would be."""

from mmengine.model import BaseModule
from torch import nn

from fdkd.registry import BACKBONES


@BACKBONES.register_module()
class TinyNet(BaseModule):
    """One convolution with its batch norm: ``[N, in_channels, H, W]`` to ``[N, 8, H/4, W/4]``."""

    channels = 8
    stages = ('norm',)

    def __init__(self, in_channels=3, init_cfg=None):
        super().__init__(init_cfg)
        self.convolution = nn.Conv2d(in_channels, self.channels, 4, stride=4, padding=2)
        self.norm = nn.BatchNorm2d(self.channels)
        self.activation = nn.ReLU()

    def forward(self, x):
        return self.norm(self.convolution(x))
