"""KD on AVE: a visual student learns from an audio teacher."""

_base_ = ['../_base_/pairs/ave_visual_from_audio.py', '../_base_/methods/logit.py']
model = _base_.method
