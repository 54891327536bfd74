"""Everything but the algorithm of an experiment on GRID's spoken digits."""

_base_ = [
    './datasets/grid_digits.py',
    './models/resnet18.py',
    './schedules/classification_10e.py',
    './default_runtime.py',
]
