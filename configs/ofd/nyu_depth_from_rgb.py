"""OFD on NYU-Depth V2: a depth student learns from an RGB teacher."""

_base_ = ['../_base_/pairs/nyu_depth_from_rgb.py', '../_base_/methods/ofd_dense.py']
model = _base_.method
