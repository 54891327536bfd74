"""Transforms of paired modalities; geometry comes from MMSegmentation."""

from fdkd.datasets.transforms.loading import LoadDepth, LoadLabelMap, LoadRGB
from fdkd.datasets.transforms.packing import PackSegmentation
from fdkd.datasets.transforms.photometric import RandomHSV

__all__ = ['LoadDepth', 'LoadLabelMap', 'LoadRGB', 'PackSegmentation', 'RandomHSV']
