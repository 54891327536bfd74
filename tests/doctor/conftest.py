"""Small data sets without a fault, of everything that a check reads, and what a check finds in them."""

import csv
import os

import numpy as np
import pytest
import soundfile
from mmengine.config import Config
from PIL import Image

from fdkd.apis.check_data import examine

ROWS = [('a', 'cat', 'train'), ('b', 'dog', 'train'), ('c', 'cat', 'train'), ('d', 'dog', 'train')]
ROWS += [('e', 'cat', 'test'), ('f', 'dog', 'test')]
CLIPS = {
    'type': 'PairedDataset',
    'annotations': 'clips.csv',
    'sources': {'audio': 'audio/{id}.wav', 'noisy': 'audio/{id}.wav', 'visual': 'frames/{id}', 'imu': 'imu/{id}.npy'},
    'classes': ('cat', 'dog'),
    'pipeline': [
        {'type': 'LoadAudio', 'modality': 'audio', 'rate': 8000, 'seconds': 0.1},
        {'type': 'LoadAudio', 'modality': 'noisy', 'rate': 8000, 'seconds': 0.1},
        {'type': 'AddNoise', 'modality': 'noisy', 'snr_db': 0},
        {'type': 'LoadFrames', 'modality': 'visual', 'pick': 'random'},
        {'type': 'LoadArray', 'modality': 'imu'},
        {'type': 'PackClassification'},
    ],
}
ROOMS = {
    'type': 'NYUDepthV2',
    'pipeline': [
        {'type': 'LoadRGB'},
        {'type': 'LoadDepth'},
        {'type': 'LoadLabelMap'},
        {'type': 'mmseg.RandomFlip', 'prob': 0.5},
        {'type': 'RandomHSV'},
        {'type': 'PackSegmentation'},
    ],
}


def write_wave(path, seed, rate=8000, seconds=0.1, scale=0.1, channels=1):
    samples = np.random.default_rng(seed).normal(0, scale, (round(rate * seconds), channels))
    soundfile.write(path, samples.astype(np.float32), rate, subtype='FLOAT')


def write_frame(path, seed, size=(8, 6)):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_rows(root, rows=ROWS):
    with (root / 'clips.csv').open('w', newline='') as file:
        csv.writer(file).writerows([('id', 'label', 'split'), *rows])


@pytest.fixture
def clips(tmp_path):
    """Six clips of two classes with sound, three frames and a motion sensor."""
    root = tmp_path / 'clips'
    (root / 'audio').mkdir(parents=True)
    (root / 'imu').mkdir()
    for seed, (name, *_) in enumerate(ROWS):
        write_wave(root / 'audio' / f'{name}.wav', seed)
        np.save(root / 'imu' / f'{name}.npy', np.random.default_rng(seed).normal(size=(3, 10)))
        (root / 'frames' / name).mkdir(parents=True)
        for number in range(3):
            write_frame(root / 'frames' / name / f'{number}.png', (seed, number))
    write_rows(root)
    return root


def config(root, dataset, named=('train', 'test'), **changes):
    loaders = [{'dataset': {**dataset, 'data_root': str(root), 'split': split, **changes}} for split in named]
    depth = {'mean': [2.0], 'std': [1.0], 'clip': (0.0, 10.0), 'hole': 0.0}
    model = {'data_preprocessor': {'modalities': {'rgb': {}, 'depth': depth}}}
    return Config({'model': model, **dict(zip(('train_dataloader', 'test_dataloader'), loaders, strict=False))})


def check(root, dataset, named=('train', 'test'), workers=0, **changes):
    """The report on a data set of which a config names these splits."""
    return examine(config(root, dataset, named, **changes), 'config.py', str(root), workers)


def found(report):
    """Severity, split, sample, modality, file within the folder and kind of every finding."""
    root = report.data_root
    return {(*one[:4], os.path.relpath(one.file, root) if one.file else '', one.what) for one in report.findings}
