"""CrisisMMD: a text student, an image teacher."""

_base_ = ['../crisismmd.py', '../schedules/bert_20e.py']
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='text', model=_base_.classifier.text),
    teacher=dict(modality='image', config='configs/unimodal/crisismmd_image.py'),
)
