"""VGGSound-50: 10 s of sound (257x1004) and three frames spread over the clip, the middle one in testing.

For the full 309 classes set ``type='VGGSound'`` in the three loaders' data sets.
"""

_base_ = './audio_visual.py'
audio = [dict(type='LoadAudio', modality='audio', seconds=10), _base_.spectrogram]
train_pipeline = [
    *audio,
    dict(type='LoadFrames', modality='visual', frames=3, pick='uniform'),
    *_base_.visual_steps.train,
    _base_.pack,
]
test_pipeline = [*audio, dict(type='LoadFrames', modality='visual'), *_base_.visual_steps.test, _base_.pack]
dataset = dict(type='VGGSound50', data_root='data/vggsound')
train_dataloader = dict(dataset=dict(**dataset, split='train', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, split='test', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader
