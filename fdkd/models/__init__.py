"""Single-modality models and what feeds them; MMSegmentation's models are used as they are."""

from fdkd.models.backbones import MobileNetV2, ResNet18, TransformerText
from fdkd.models.classifier import Classifier
from fdkd.models.huggingface import HuggingFaceInit
from fdkd.models.imagenet import ImageNetInit
from fdkd.models.preprocessor import MultimodalPreprocessor, Normalizer

__all__ = [
    'Classifier',
    'HuggingFaceInit',
    'ImageNetInit',
    'MobileNetV2',
    'MultimodalPreprocessor',
    'Normalizer',
    'ResNet18',
    'TransformerText',
]
