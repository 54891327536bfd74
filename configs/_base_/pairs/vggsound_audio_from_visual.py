"""VGGSound-50: an audio student, a visual teacher."""

_base_ = '../vggsound.py'
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='audio', model=_base_.classifier.audio),
    teacher=dict(modality='visual', config='configs/unimodal/vggsound_visual.py'),
)
