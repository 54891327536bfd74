"""FreeKD on VGGSound-50: an audio student learns from a visual teacher."""

_base_ = ['../_base_/pairs/vggsound_audio_from_visual.py', '../_base_/methods/freekd.py']
model = _base_.method
custom_hooks = [*_base_.custom_hooks, _base_.first_stage]
