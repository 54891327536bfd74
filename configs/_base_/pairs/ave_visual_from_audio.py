"""AVE: a visual student, an audio teacher."""

_base_ = '../ave.py'
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='visual', model=_base_.classifier.visual),
    teacher=dict(modality='audio', config='configs/unimodal/ave_audio.py'),
)
