"""DIST on GRID digits: a student that hears noisy sound learns from one that sees the lips."""

_base_ = ['../_base_/pairs/grid_audio_from_visual.py', '../_base_/methods/dist.py']
model = _base_.method
