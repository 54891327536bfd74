"""NYU-Depth V2: a depth student, an RGB teacher."""

_base_ = [
    '../datasets/nyu_depth_v2.py',
    '../models/deeplabv3plus_r18.py',
    '../schedules/segmentation_50e.py',
    '../default_runtime.py',
]
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='depth', model=_base_.segmentor.depth),
    teacher=dict(modality='rgb', config='configs/unimodal/nyu_rgb.py'),
)
