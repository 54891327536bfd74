"""Digits: an image student, an audio teacher."""

_base_ = '../digits.py'
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='image', model=_base_.classifier.visual),
    teacher=dict(modality='audio', config='configs/demo/digits_audio.py'),
)
