"""AVE: an audio student, a visual teacher."""

_base_ = '../ave.py'
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='audio', model=_base_.classifier.audio),
    teacher=dict(modality='visual', config='configs/unimodal/ave_visual.py'),
)
