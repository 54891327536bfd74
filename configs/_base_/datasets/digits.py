"""Real handwritten digits, each with a generated tune of its class; 480 of the 1437 training pairs, to be quick."""

_base_ = './classification.py'
sound = [
    dict(type='LoadAudio', modality='audio', seconds=0.5),
    dict(type='Spectrogram', modality='audio', window=256, overlap=16),  # 129x33
]
image = [
    dict(type='LoadFrames', modality='image'),
    dict(type='Augment', modality='image', transform='Resize', size=(32, 32)),
]
shift = dict(type='Augment', modality='image', transform='RandomCrop', size=(32, 32), padding=2)
train_pipeline = [*sound, *image, shift, _base_.pack]
test_pipeline = [*sound, *image, _base_.pack]

dataset = dict(
    type='PairedDataset',
    data_root='data/digits',
    annotations='digits.csv',
    sources=dict(audio='audio/{id}.wav', image='image/{id}.png'),
    classes=('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'),
)
train_dataloader = dict(batch_size=16, dataset=dict(**dataset, split='train', indices=480, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, split='test', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader
model = dict(
    data_preprocessor=dict(
        type='MultimodalPreprocessor',
        modalities=dict(audio=dict(), image=_base_.imagenet),
    )
)
