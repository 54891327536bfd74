"""DIST on CrisisMMD: a text student learns from an image teacher."""

_base_ = ['../_base_/pairs/crisismmd_text_from_image.py', '../_base_/methods/dist.py']
model = _base_.method
