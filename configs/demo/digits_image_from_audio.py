"""FD-CMKD on the digits: an image student learns from an audio teacher."""

_base_ = ['../_base_/pairs/digits_image_from_audio.py', '../_base_/methods/fdkd.py']
model = _base_.method
