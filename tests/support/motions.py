"""A made-up data set for tests: photographs beside readings of a motion sensor, described by a table alone."""

import csv
from pathlib import Path

import cv2
import numpy as np

CLASSES = ('sit', 'walk', 'run')


def write_motions(root, train=12, test=6):
    """Writes ``clips.csv``, ``image/ID.png`` (16x16) and ``imu/ID.npy`` (6 channels, 20 steps)."""
    generator = np.random.default_rng(0)
    for folder in ('image', 'imu'):
        (root / folder).mkdir(parents=True)
    rows = []
    for number in range(train + test):
        label = number % len(CLASSES)
        name, split = f'c{number:02d}', 'train' if number < train else 'test'
        image = generator.normal(60 + 60 * label, 20, (16, 16, 3)).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(root / 'image' / f'{name}.png'), image)
        np.save(root / 'imu' / f'{name}.npy', generator.normal(label, 1, (6, 20)).astype(np.float32))
        rows.append({'id': name, 'label': CLASSES[label], 'split': split})
    write_table(root, rows)
    return root


def read_table(root):
    with (root / 'clips.csv').open(newline='') as file:
        return list(csv.DictReader(file))


def write_table(root, rows):
    with (root / 'clips.csv').open('w', newline='') as file:
        writer = csv.DictWriter(file, ['id', 'label', 'split'])
        writer.writeheader()
        writer.writerows(rows)


#: A config of one's own for it, to be completed by a ``model``; only names of the repository's parts stand there.
CONFIG = """
_base_ = [
    {configs!r} + '/_base_/datasets/classification.py',
    {configs!r} + '/_base_/methods/{method}.py',
    {configs!r} + '/_base_/schedules/classification_10e.py',
    {configs!r} + '/_base_/default_runtime.py',
]
run_options = dict(epochs=1, batch_size=4, workers=0)
pipeline = [
    dict(type='LoadFrames', modality='image'),
    dict(type='Augment', modality='image', transform='Resize', size=(16, 16)),
    dict(type='LoadArray', modality='imu'),
    dict(type='PackClassification'),
]
dataset = dict(
    type='PairedDataset',
    data_root={root!r},
    annotations='clips.csv',
    sources=dict(image='image/{{id}}.png', imu='imu/{{id}}.npy'),
    classes=('sit', 'walk', 'run'),
    pipeline=pipeline,
)
train_dataloader = dict(dataset=dict(**dataset, split='train'))
val_dataloader = dict(dataset=dict(**dataset, split='test', test_mode=True))
test_dataloader = val_dataloader
imu = dict(type='Classifier', backbone=dict(type='ResNet18', in_channels=1))
image = dict(type='Classifier', backbone=dict(type='ResNet18', in_channels=3))
data_preprocessor = dict(type='MultimodalPreprocessor', modalities=dict(imu=dict(), image=_base_.imagenet))
"""
ALONE = "model = dict(type='SingleModality', modality='imu', model=imu, data_preprocessor=data_preprocessor)\n"
TAUGHT = """
model = dict(
    type='CrossModalDistiller',
    student=dict(modality='image', model=image),
    teacher=dict(modality='imu', config={teacher!r}),
    data_preprocessor=data_preprocessor,
)
model.update(_base_.method)
"""


def write_configs(folder, root, configs='configs', method='fdkd'):
    """``imu.py``, which trains a teacher, and ``image_from_imu.py``; returns the path of the latter."""
    common = CONFIG.format(configs=str(Path(configs).resolve()), root=str(root), method=method)
    teacher, student = folder / 'imu.py', folder / 'image_from_imu.py'
    teacher.write_text(common + ALONE)
    student.write_text(common + TAUGHT.format(teacher=str(teacher)))
    return student
