"""DIST on NYU-Depth V2: a depth student learns from an RGB teacher."""

_base_ = ['../_base_/pairs/nyu_depth_from_rgb.py', '../_base_/methods/dist.py']
model = _base_.method
