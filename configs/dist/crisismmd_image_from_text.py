"""DIST on CrisisMMD: an image student learns from a text teacher."""

_base_ = ['../_base_/pairs/crisismmd_image_from_text.py', '../_base_/methods/dist.py']
model = _base_.method
