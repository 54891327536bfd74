"""AVE: classification from sound alone."""

_base_ = '../_base_/ave.py'
model = dict(type='SingleModality', modality='audio', model=_base_.classifier.audio)
