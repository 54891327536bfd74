"""VGGSound-50: a visual student, an audio teacher."""

_base_ = '../vggsound.py'
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='visual', model=_base_.classifier.visual),
    teacher=dict(modality='audio', config='configs/unimodal/vggsound_audio.py'),
)
