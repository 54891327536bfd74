"""CREMA-D: classification from frames alone."""

_base_ = '../_base_/cremad.py'
model = dict(type='SingleModality', modality='visual', model=_base_.classifier.visual)
