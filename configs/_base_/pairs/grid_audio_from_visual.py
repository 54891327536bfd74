"""GRID digits: a student that hears noisy sound, a teacher that sees the lips."""

_base_ = '../grid.py'
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='noisy', model=_base_.classifier.audio),
    teacher=dict(modality='visual', config='configs/unimodal/grid_visual.py'),
)
