"""CREMA-D: a visual student, an audio teacher."""

_base_ = '../cremad.py'
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='visual', model=_base_.classifier.visual),
    teacher=dict(modality='audio', config='configs/unimodal/cremad_audio.py'),
)
