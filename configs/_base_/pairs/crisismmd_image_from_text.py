"""CrisisMMD: an image student, a text teacher."""

_base_ = ['../crisismmd.py', '../schedules/classification_100e.py']
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='image', model=_base_.classifier.image),
    teacher=dict(modality='text', config='configs/unimodal/crisismmd_text.py'),
)
