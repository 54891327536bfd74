"""Everything but the algorithm and the schedule of an experiment on CrisisMMD; text and image have one each."""

_base_ = ['./datasets/crisismmd.py', './models/bert_mobilenet.py', './default_runtime.py']
