"""CrisisMMD: a text student, an image teacher."""

_base_ = ['../crisismmd.py', '../schedules/bert_20e.py']
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='text', model=_base_.classifier.text),
    teacher=dict(modality='image', config='configs/unimodal/crisismmd_image.py'),
)
# For losses that compare features of one width: a learnt map of the student's.
projection = dict(type='Projection', in_channels=768, out_channels=1280)
# Methods that train the teacher too: MobileNetV2, and what starts from random weights, under Adam at 1e-3. The paper
# does not say.
teacher_rate = dict(custom_keys={'teacher.': dict(lr_mult=100.0), '_proxy.': dict(lr_mult=100.0)})
