"""Everything but the algorithm of an experiment on AVE."""

_base_ = [
    './datasets/ave.py',
    './models/resnet18.py',
    './schedules/classification_100e.py',
    './default_runtime.py',
]
