"""Two small classifiers of sound and pictures, and batches in which pictures may be missing."""

import torch

from fdkd.datasets.class_sample import ClassSample

CLASSES = 5


def network(in_channels):
    return dict(type='Classifier', backbone=dict(type='ResNet18', in_channels=in_channels), num_classes=CLASSES)


def batch(*present):
    generator = torch.Generator().manual_seed(1)
    paired = sum('visual' in names for names in present)
    inputs = {'audio': torch.randn(len(present), 1, 33, 33, generator=generator)}
    inputs['visual'] = torch.randn(paired, 3, 33, 33, generator=generator)
    samples = [
        ClassSample(metainfo={'present': names}, gt_label=torch.tensor(label)) for label, names in enumerate(present)
    ]
    return inputs, samples


BOTH, ALONE = ('audio', 'visual', 'label'), ('audio', 'label')


def feature(model, x):
    return model.backbone(x).mean((2, 3))
