"""NYU-Depth V2: an RGB student, a depth teacher."""

_base_ = [
    '../datasets/nyu_depth_v2.py',
    '../models/deeplabv3plus_r18.py',
    '../schedules/segmentation_50e.py',
    '../default_runtime.py',
]
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='rgb', model=_base_.segmentor.rgb),
    teacher=dict(modality='depth', config='configs/unimodal/nyu_depth.py'),
)
