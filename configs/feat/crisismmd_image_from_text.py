"""Feat on CrisisMMD: an image student learns from a text teacher."""

_base_ = ['../_base_/pairs/crisismmd_image_from_text.py', '../_base_/methods/feat.py']
losses = {name: dict(**loss, connector=_base_.projection) for name, loss in _base_.method.losses.items()}
model = dict(losses=losses)
