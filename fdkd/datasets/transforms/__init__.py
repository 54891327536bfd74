"""Transforms of paired modalities; the geometry of label maps comes from MMSegmentation."""

from fdkd.datasets.transforms.arrays import LoadArray
from fdkd.datasets.transforms.audio import AddNoise, LoadAudio
from fdkd.datasets.transforms.augment import Augment
from fdkd.datasets.transforms.cache import Cached
from fdkd.datasets.transforms.frames import LoadFrames
from fdkd.datasets.transforms.loading import LoadDepth, LoadLabelMap, LoadRGB
from fdkd.datasets.transforms.packing import PackClassification, PackSegmentation
from fdkd.datasets.transforms.photometric import RandomHSV
from fdkd.datasets.transforms.spectrogram import Spectrogram
from fdkd.datasets.transforms.stored import LoadFeatures
from fdkd.datasets.transforms.text import Tokenize

__all__ = [
    'AddNoise',
    'Augment',
    'Cached',
    'LoadArray',
    'LoadAudio',
    'LoadDepth',
    'LoadFeatures',
    'LoadFrames',
    'LoadLabelMap',
    'LoadRGB',
    'PackClassification',
    'PackSegmentation',
    'RandomHSV',
    'Spectrogram',
    'Tokenize',
]
