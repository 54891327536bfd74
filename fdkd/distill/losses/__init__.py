"""Losses between a student's and a teacher's tensors, one file per method."""

from fdkd.distill.losses.fdkd import FDKDLoss
from fdkd.distill.losses.feat import FeatureMSELoss, feature_mse_loss

__all__ = ['FDKDLoss', 'FeatureMSELoss', 'feature_mse_loss']
