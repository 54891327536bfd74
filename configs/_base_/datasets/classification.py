"""What the classification data sets share: loaders, the steps for images and spectra, the metric."""

spectrogram = dict(type='Spectrogram', modality='audio')  # window 512, overlap 353 at 16 kHz
pack = dict(type='PackClassification')


def resized(modality):
    """For training and for testing; ``--size`` changes all of them."""
    train = [
        dict(type='Augment', modality=modality, transform='RandomResizedCrop', size=(224, 224)),
        dict(type='Augment', modality=modality, transform='RandomHorizontalFlip'),
    ]
    test = [dict(type='Augment', modality=modality, transform='Resize', size=(224, 224))]
    return dict(train=train, test=test)


visual_steps, image_steps = resized('visual'), resized('image')

train_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmengine.DefaultSampler', shuffle=False),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='ClassificationMetric')
test_evaluator = val_evaluator

imagenet = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
