"""GRID digits: classification from noisy sound."""

_base_ = '../_base_/grid.py'
model = dict(type='SingleModality', modality='noisy', model=_base_.classifier.audio)
