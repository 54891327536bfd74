"""FD-CMKD on CrisisMMD: an image student learns from a text teacher.

A projection learns to bring the student's width to the teacher's.
"""

_base_ = ['../_base_/pairs/crisismmd_image_from_text.py', '../_base_/methods/fdkd.py']
projection = dict(type='Projection', in_channels=1280, out_channels=768)
model = dict(losses=dict(fdkd=dict(**_base_.losses.fdkd, connector=projection)))
