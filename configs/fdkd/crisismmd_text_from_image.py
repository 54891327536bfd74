"""FD-CMKD on CrisisMMD: a text student learns from an image teacher."""

_base_ = ['../_base_/pairs/crisismmd_text_from_image.py', '../_base_/methods/fdkd.py']
losses = {name: dict(**loss, connector=_base_.projection) for name, loss in _base_.method.losses.items()}
model = dict(losses=losses)
