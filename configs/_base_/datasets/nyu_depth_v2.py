"""NYU-Depth V2 at 640x480: random HSV on RGB, one flip for both modalities."""

size = (640, 480)
train_pipeline = [
    dict(type='LoadRGB'),
    dict(type='LoadDepth'),
    dict(type='LoadLabelMap'),
    dict(type='mmseg.Resize', scale=size),
    dict(type='mmseg.RandomFlip', prob=0.5),
    dict(type='RandomHSV'),
    dict(type='PackSegmentation'),
]
test_pipeline = [  # the label map keeps its size: predictions are scored at the resolution of the truth
    dict(type='LoadRGB'),
    dict(type='LoadDepth'),
    dict(type='mmseg.Resize', scale=size),
    dict(type='LoadLabelMap'),
    dict(type='PackSegmentation'),
]
dataset = dict(type='NYUDepthV2', data_root='data/nyu_depth_v2')

train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(**dataset, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
    dataset=dict(**dataset, split='test', pipeline=test_pipeline, test_mode=True),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='SegmentationMetric')
test_evaluator = val_evaluator

# Depth: mean and standard deviation of the training frames' valid pixels, in metres; the sensor's range ends at 10 m.
data_preprocessor = dict(
    type='MultimodalPreprocessor',
    modalities=dict(
        rgb=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
        depth=dict(mean=[2.844], std=[1.420], clip=(0.0, 10.0), hole=0.0),
    ),
)
model = dict(data_preprocessor=data_preprocessor)
