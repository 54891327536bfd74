"""VGGSound-50: classification from sound alone."""

_base_ = '../_base_/vggsound.py'
model = dict(type='SingleModality', modality='audio', model=_base_.classifier.audio)
