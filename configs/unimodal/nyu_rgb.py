"""NYU-Depth V2: segmentation from RGB alone."""

_base_ = '../_base_/nyu_segmentation.py'
model = dict(type='SingleModality', modality='rgb', model=_base_.segmentor.rgb)
