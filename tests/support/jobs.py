"""Jobs that :mod:`tests.support.fake_training` runs."""

import json
import sys
from pathlib import Path

from mmengine.config import Config

from fdkd.reproduce.runs import Job, Run

COMMAND = [sys.executable, '-S', str(Path(__file__).with_name('fake_training.py'))]


def make_job(folder, name, teacher=None, seed=0, changes=(), **plan):
    """A job whose config says what the fake training does; its key is ``key-NAME``."""
    config = folder / f'{name}.json'
    cfg = {'config_hash': f'hash-{name}', 'data_hash': 'data', 'train_cfg': {'max_epochs': 2}}
    config.write_text(json.dumps({'config_hash': cfg['config_hash'], 'journal': str(folder / 'journal'), **plan}))
    run = Run(str(config), seed, changes, teacher and teacher.run)
    return Job(run, teacher, Config(cfg), f'key-{name}', name, (str(config), '--seed', str(seed)))


def journal(folder, word=None):
    """What the runs wrote down, as (word, name); names alone of one ``word``."""
    path = folder / 'journal'
    lines = [line.split()[:2] for line in path.read_text().splitlines()] if path.exists() else []
    return [name for said, name in lines if said == word] if word else [tuple(line) for line in lines]


def processes(folder):
    """Process ids of the runs that started, in order."""
    lines = (folder / 'journal').read_text().splitlines() if (folder / 'journal').exists() else []
    return [int(line.split()[2]) for line in lines if line.startswith('start')]
