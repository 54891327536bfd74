"""C2KD on CrisisMMD: a text student learns from an image teacher."""

_base_ = ['../_base_/pairs/crisismmd_text_from_image.py', '../_base_/methods/c2kd.py']
model = _base_.method
optim_wrapper = dict(paramwise_cfg=_base_.teacher_rate)
