"""Everything but the algorithm of an experiment on NYU-Depth V2."""

_base_ = [
    './datasets/nyu_depth_v2.py',
    './models/deeplabv3plus_r18.py',
    './schedules/segmentation_50e.py',
    './default_runtime.py',
]
