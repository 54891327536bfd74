"""GRID digits: classification from the middle frame of the lips."""

_base_ = '../_base_/grid.py'
model = dict(type='SingleModality', modality='visual', model=_base_.classifier.visual)
