"""NYU-Depth V2: segmentation from depth alone."""

_base_ = '../_base_/nyu_segmentation.py'
model = dict(type='SingleModality', modality='depth', model=_base_.segmentor.depth)
