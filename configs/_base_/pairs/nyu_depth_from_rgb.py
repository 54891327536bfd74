"""NYU-Depth V2: a depth student, an RGB teacher."""

_base_ = '../nyu_segmentation.py'
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='depth', model=_base_.segmentor.depth),
    teacher=dict(modality='rgb', config='configs/unimodal/nyu_rgb.py'),
)
