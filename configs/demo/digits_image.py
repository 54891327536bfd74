"""Digits: classification from the handwriting alone."""

_base_ = '../_base_/digits.py'
model = dict(type='SingleModality', modality='image', model=_base_.classifier.visual)
