"""Work dirs as training writes them, in small."""

import json

import numpy as np
from PIL import Image

HOSTILE = '<script>document.title = "run"; window.hit = 1</script>"\'><img src=x onerror="window.hit = 1">'


def scores(modality, accuracy, classes=('cat', 'dog')):
    """A model of ``results.json`` with the same figure for each class."""
    per_class = {name: {'accuracy': accuracy, 'precision': None, 'f1': 1.0, 'count': 3} for name in classes}
    return {
        'modality': modality,
        'samples': 6,
        'metrics': {'accuracy': accuracy, 'macro_f1': 50.0},
        'per_class': per_class,
    }


def results(**changes):
    """What ``results.json`` holds."""
    about = {
        'config': 'configs/a/b.py',
        'seed': 0,
        'epoch': 2,
        'selection': 'last epoch',
        'device': 'cpu',
        'seconds': 3725.4,
    }
    versions = {'fdkd': '0.1.0', 'torch': '2.14'}
    models = {'student': scores('image', 70.0), 'teacher': scores('audio', 90.0)}
    return {
        **about,
        'seconds': 3725.4,
        'versions': versions,
        'commit': 'abcdef0123456',
        'modified': True,
        **models,
        **changes,
    }


def train_line(iteration, length=4, **values):
    """A line of ``scalars.json``; an epoch has ``length`` iterations."""
    line = {'lr': 0.1, 'loss': 2.0, 'loss_ce': 1.5, 'time': 0.5, 'data_time': 0.1}
    return line | {'epoch': (iteration - 1) // length + 1, 'iter': iteration, 'step': iteration} | values


def write_log(folder, lines, stamp='20261126_010203'):
    """Writes ``scalars.json``; a line that is text is written as it is."""
    path = folder / stamp / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(line if isinstance(line, str) else json.dumps(line) + '\n' for line in lines))
    return path


def write_picture(path, width=40, height=30):
    """Writes a PNG of noise, which does not compress to nothing."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
