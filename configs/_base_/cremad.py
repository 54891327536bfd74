"""Everything but the algorithm of an experiment on CREMA-D."""

_base_ = [
    './datasets/cremad.py',
    './models/resnet18.py',
    './schedules/classification_100e.py',
    './default_runtime.py',
]
