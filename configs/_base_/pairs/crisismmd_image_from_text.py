"""CrisisMMD: an image student, a text teacher."""

_base_ = ['../crisismmd.py', '../schedules/classification_100e.py']
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='image', model=_base_.classifier.image),
    teacher=dict(modality='text', config='configs/unimodal/crisismmd_text.py'),
)
# For losses that compare features of one width: a learnt map of the student's.
projection = dict(type='Projection', in_channels=1280, out_channels=768)
# Methods that train the teacher too: BERT under SGD, at a tenth of the rate at first, since the floor of the schedule
# is shared. The paper does not say.
teacher_rate = dict(custom_keys={'teacher.': dict(lr_mult=0.1)})
