"""Data sets of paired modalities, their sampler and their transforms."""

from fdkd.datasets.ave import AVE
from fdkd.datasets.base import MultimodalDataset, SampleKey
from fdkd.datasets.collate import collate_pairs
from fdkd.datasets.cremad import CREMAD
from fdkd.datasets.crisismmd import CrisisMMD
from fdkd.datasets.nyu_depth_v2 import NYUDepthV2
from fdkd.datasets.paired import PairedDataset
from fdkd.datasets.sampler import EpochSampler
from fdkd.datasets.vggsound import VGGSound, VGGSound50

__all__ = [
    'AVE',
    'CREMAD',
    'CrisisMMD',
    'EpochSampler',
    'MultimodalDataset',
    'NYUDepthV2',
    'PairedDataset',
    'SampleKey',
    'VGGSound',
    'VGGSound50',
    'collate_pairs',
]
