"""AVE: classification from frames alone."""

_base_ = '../_base_/ave.py'
model = dict(type='SingleModality', modality='visual', model=_base_.classifier.visual)
