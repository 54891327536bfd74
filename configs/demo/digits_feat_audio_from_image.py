"""Feat on the digits: an audio student learns from an image teacher."""

_base_ = ['../_base_/pairs/digits_audio_from_image.py', '../_base_/methods/feat.py']
model = _base_.method
