"""GRID digits: classification from clean sound, the teacher of the visual students."""

_base_ = '../_base_/grid.py'
model = dict(type='SingleModality', modality='audio', model=_base_.classifier.audio)
