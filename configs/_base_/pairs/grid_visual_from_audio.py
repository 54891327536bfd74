"""GRID digits: a student that sees the lips, a teacher that hears clean sound."""

_base_ = '../grid.py'
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='visual', model=_base_.classifier.visual),
    teacher=dict(modality='audio', config='configs/unimodal/grid_clean_audio.py'),
)
