"""Feat on CrisisMMD: a text student learns from an image teacher.

A projection learns to bring the student's width to the teacher's.
"""

_base_ = ['../_base_/pairs/crisismmd_text_from_image.py', '../_base_/methods/feat.py']
projection = dict(type='Projection', in_channels=768, out_channels=1280)
model = dict(losses=dict(feat=dict(**_base_.losses.feat, connector=projection)))
