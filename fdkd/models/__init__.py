"""Single-modality models and what feeds them; MMSegmentation's models are used as they are."""

from fdkd.models.backbones import MobileNetV2, ResNet18, TransformerText, VectorMLP
from fdkd.models.classifier import Classifier
from fdkd.models.huggingface import HuggingFaceInit
from fdkd.models.imagenet import ImageNetInit
from fdkd.models.preprocessor import MultimodalPreprocessor, Normalizer
from fdkd.models.pretrained import install_safe_loading
from fdkd.models.stored_features import StoredFeatures
from fdkd.models.timm_model import TimmModel
from fdkd.models.torchvision_model import TorchvisionModel
from fdkd.models.transformers_model import TransformersModel

__all__ = [
    'Classifier',
    'HuggingFaceInit',
    'ImageNetInit',
    'MobileNetV2',
    'MultimodalPreprocessor',
    'Normalizer',
    'ResNet18',
    'StoredFeatures',
    'TimmModel',
    'TorchvisionModel',
    'TransformerText',
    'TransformersModel',
    'VectorMLP',
]

install_safe_loading()  # whatever a model's config names is read through MMEngine
