"""What turns one modality into a feature: each backbone stops before its last activation."""

from fdkd.models.backbones.mobilenet import MobileNetV2
from fdkd.models.backbones.resnet import ResNet18
from fdkd.models.backbones.text import TransformerText
from fdkd.models.backbones.vector import VectorMLP

__all__ = ['MobileNetV2', 'ResNet18', 'TransformerText', 'VectorMLP']
