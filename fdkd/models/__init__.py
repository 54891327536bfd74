"""Single-modality models and what feeds them; MMSegmentation's models are used as they are."""

from fdkd.models.imagenet import ImageNetInit
from fdkd.models.preprocessor import MultimodalPreprocessor, Normalizer

__all__ = ['ImageNetInit', 'MultimodalPreprocessor', 'Normalizer']
