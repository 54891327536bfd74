"""FreeKD on NYU-Depth V2: a depth student learns from an RGB teacher."""

_base_ = ['../_base_/pairs/nyu_depth_from_rgb.py', '../_base_/methods/freekd.py']
model = _base_.method
custom_hooks = [*_base_.custom_hooks, _base_.first_stage]
