"""Spoken digits of the GRID corpus with lip video: half a second of sound and the middle crop of the mouth.

A table describes it; no code knows this data set. Sound is there twice: ``audio`` as recorded, on which every model is
right in nearly all cases, and ``noisy``, the same clip under noise that is fixed for each id. Students hear ``noisy``,
teachers ``audio``.
"""

_base_ = './classification.py'


def sound(modality, noise=()):
    """129x33: a window of 16 ms every 15 ms."""
    return [
        dict(type='LoadAudio', modality=modality, seconds=0.5),
        *noise,
        dict(type='Spectrogram', modality=modality, window=256, overlap=16),
    ]


# Chosen on a validation split carved from training, so that a student that learns alone is right in about 80 %.
noise = dict(type='AddNoise', modality='noisy', snr_db=-4)
load = [*sound('audio'), *sound('noisy', [noise]), dict(type='LoadFrames', modality='visual', strip_width=80)]
resize = dict(type='Augment', modality='visual', transform='Resize', size=(48, 48))
train_pipeline = [
    *load,
    resize,
    dict(type='Augment', modality='visual', transform='RandomCrop', size=(48, 48), padding=4),
    dict(type='Augment', modality='visual', transform='RandomHorizontalFlip'),
    _base_.pack,
]
test_pipeline = [*load, resize, _base_.pack]

dataset = dict(
    type='PairedDataset',
    data_root='data/grid_digits',
    annotations='digits.csv',
    sources=dict(audio='audio/{id}.wav', noisy='audio/{id}.wav', visual='mouth/{id}.jpg'),
    classes=('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'),
)
train_dataloader = dict(batch_size=16, dataset=dict(**dataset, split='train', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(**dataset, split='test', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader
model = dict(
    data_preprocessor=dict(
        type='MultimodalPreprocessor',
        modalities=dict(audio=dict(), noisy=dict(), visual=_base_.imagenet),
    )
)
