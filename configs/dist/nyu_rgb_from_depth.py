"""DIST on NYU-Depth V2: an RGB student learns from a depth teacher."""

_base_ = ['../_base_/pairs/nyu_rgb_from_depth.py', '../_base_/methods/dist.py']
model = _base_.method
