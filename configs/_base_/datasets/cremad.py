"""CREMA-D: 3 s of sound (257x299) and one frame, a random one in training and the middle one in testing."""

_base_ = './audio_visual.py'
audio = [dict(type='LoadAudio', modality='audio', seconds=3), _base_.spectrogram]
train_pipeline = [
    *audio,
    dict(type='LoadFrames', modality='visual', pick='random'),
    *_base_.visual_steps.train,
    _base_.pack,
]
test_pipeline = [*audio, dict(type='LoadFrames', modality='visual'), *_base_.visual_steps.test, _base_.pack]
dataset = dict(type='CREMAD', data_root='data/cremad')
train_dataloader = dict(dataset=dict(**dataset, split='train', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, split='test', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader
