"""Metrics that MMSegmentation lacks."""

from fdkd.evaluation.segmentation import SegmentationMetric

__all__ = ['SegmentationMetric']
