"""Losses between a student's and a teacher's tensors, one file per method."""

from fdkd.distill.losses.afd import AFDLoss
from fdkd.distill.losses.c2kd import OFSDLoss, c2kd_losses, ofsd_loss
from fdkd.distill.losses.cwd import CWDLoss, cwd_loss
from fdkd.distill.losses.dist import DISTLoss, dist_loss
from fdkd.distill.losses.dkd import DKDLoss, dkd_loss
from fdkd.distill.losses.fam import FAMLoss
from fdkd.distill.losses.fdkd import FDKDLoss
from fdkd.distill.losses.feat import FeatureMSELoss, feature_mse_loss
from fdkd.distill.losses.freekd import FreeKDLoss
from fdkd.distill.losses.logit_kd import LogitKDLoss, logit_kd_loss
from fdkd.distill.losses.nkd import NKDLoss, nkd_loss
from fdkd.distill.losses.ofd import OFDLoss
from fdkd.distill.losses.pkd import PKDLoss, pkd_loss
from fdkd.distill.losses.review_kd import ReviewKDLoss
from fdkd.distill.losses.rkd import RKDLoss, rkd_angle_loss, rkd_distance_loss

__all__ = [
    'AFDLoss',
    'CWDLoss',
    'DISTLoss',
    'DKDLoss',
    'FAMLoss',
    'FDKDLoss',
    'FeatureMSELoss',
    'FreeKDLoss',
    'LogitKDLoss',
    'NKDLoss',
    'OFDLoss',
    'OFSDLoss',
    'PKDLoss',
    'RKDLoss',
    'ReviewKDLoss',
    'c2kd_losses',
    'cwd_loss',
    'dist_loss',
    'dkd_loss',
    'feature_mse_loss',
    'logit_kd_loss',
    'nkd_loss',
    'ofsd_loss',
    'pkd_loss',
    'rkd_angle_loss',
    'rkd_distance_loss',
]
