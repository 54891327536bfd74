"""Digits: an audio student, an image teacher."""

_base_ = '../digits.py'
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='audio', model=_base_.classifier.audio),
    teacher=dict(modality='image', config='configs/demo/digits_image.py'),
)
