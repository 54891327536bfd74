"""One ResNet-18 for spectra and one for frames, from scratch as in the paper; the data set gives the classes."""

classifier = dict(
    audio=dict(type='Classifier', backbone=dict(type='ResNet18', in_channels=1)),
    visual=dict(type='Classifier', backbone=dict(type='ResNet18', in_channels=3)),
)
