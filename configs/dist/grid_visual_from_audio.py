"""DIST on GRID digits: a student that sees the lips learns from one that hears."""

_base_ = ['../_base_/pairs/grid_visual_from_audio.py', '../_base_/methods/dist.py']
model = _base_.method
