"""DIST on VGGSound-50: a visual student learns from an audio teacher."""

_base_ = ['../_base_/pairs/vggsound_visual_from_audio.py', '../_base_/methods/dist.py']
model = _base_.method
