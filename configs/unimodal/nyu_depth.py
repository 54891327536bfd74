"""NYU-Depth V2: segmentation from depth alone."""

_base_ = [
    '../_base_/datasets/nyu_depth_v2.py',
    '../_base_/models/deeplabv3plus_r18.py',
    '../_base_/schedules/segmentation_50e.py',
    '../_base_/default_runtime.py',
]
model = dict(type='SingleModality', modality='depth', model=_base_.segmentor.depth)
