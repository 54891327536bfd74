"""Everything but the algorithm of an experiment on the digits, short enough to be watched."""

_base_ = [
    './datasets/digits.py',
    './models/resnet18.py',
    './schedules/classification_10e.py',
    './default_runtime.py',
]
run_options = dict(epochs=4)
