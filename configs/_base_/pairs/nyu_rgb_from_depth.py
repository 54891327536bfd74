"""NYU-Depth V2: an RGB student, a depth teacher."""

_base_ = '../nyu_segmentation.py'
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='rgb', model=_base_.segmentor.rgb),
    teacher=dict(modality='depth', config='configs/unimodal/nyu_depth.py'),
)
