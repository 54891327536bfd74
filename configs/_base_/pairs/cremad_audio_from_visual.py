"""CREMA-D: an audio student, a visual teacher."""

_base_ = '../cremad.py'
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='audio', model=_base_.classifier.audio),
    teacher=dict(modality='visual', config='configs/unimodal/cremad_visual.py'),
)
