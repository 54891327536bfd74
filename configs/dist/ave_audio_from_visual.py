"""DIST on AVE: an audio student learns from a visual teacher."""

_base_ = ['../_base_/pairs/ave_audio_from_visual.py', '../_base_/methods/dist.py']
model = _base_.method
