"""Digits: classification from the tune alone."""

_base_ = '../_base_/digits.py'
model = dict(type='SingleModality', modality='audio', model=_base_.classifier.audio)
