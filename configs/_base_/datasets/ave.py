"""AVE: 10 s of sound (257x1004) and one frame, a random one in training and the middle one in testing."""

_base_ = './audio_visual.py'
audio = [dict(type='LoadAudio', modality='audio', seconds=10), _base_.spectrogram]
train_pipeline = [
    *audio,
    dict(type='LoadFrames', modality='visual', pick='random'),
    *_base_.visual_steps.train,
    _base_.pack,
]
test_pipeline = [*audio, dict(type='LoadFrames', modality='visual'), *_base_.visual_steps.test, _base_.pack]
dataset = dict(type='AVE', data_root='data/ave')
train_dataloader = dict(dataset=dict(**dataset, split='train', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, split='val', pipeline=test_pipeline, test_mode=True))
test_dataloader = dict(dataset=dict(**dataset, split='test', pipeline=test_pipeline, test_mode=True))
