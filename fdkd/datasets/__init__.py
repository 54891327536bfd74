"""Data sets of paired modalities, their sampler and their transforms."""

from fdkd.datasets.base import MultimodalDataset, SampleKey
from fdkd.datasets.nyu_depth_v2 import NYUDepthV2
from fdkd.datasets.sampler import EpochSampler

__all__ = ['EpochSampler', 'MultimodalDataset', 'NYUDepthV2', 'SampleKey']
