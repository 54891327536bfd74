"""Everything but the algorithm of an experiment on VGGSound-50."""

_base_ = [
    './datasets/vggsound.py',
    './models/resnet18.py',
    './schedules/classification_100e.py',
    './default_runtime.py',
]
