"""CrisisMMD: classification from images alone."""

_base_ = ['../_base_/crisismmd.py', '../_base_/schedules/classification_100e.py']
model = dict(type='SingleModality', modality='image', model=_base_.classifier.image)
