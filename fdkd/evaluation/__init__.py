"""Metrics with the figures that a report shows, and pictures of predictions."""

from fdkd.evaluation.classification import ClassificationMetric
from fdkd.evaluation.segmentation import SegmentationMetric

__all__ = ['ClassificationMetric', 'SegmentationMetric']
