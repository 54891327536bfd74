"""VGGSound-50: classification from frames alone."""

_base_ = '../_base_/vggsound.py'
model = dict(type='SingleModality', modality='visual', model=_base_.classifier.visual)
