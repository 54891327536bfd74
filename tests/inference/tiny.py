"""Small students of every modality as drawn, each a config and a checkpoint."""

import json

import numpy as np
import soundfile
import torch
from mmengine.config import ConfigDict

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.apis.validate import dataset_classes
from fdkd.registry import MODELS
from tests.export.conftest import lived_in, segmentor_config
from tests.models.conftest import write_bert
from tests.support.motions import write_configs, write_motions
from tests.support.repository import REPOSITORY

WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'flood', 'in', 'the', 'city']
RATE = 16000


def saved(config):
    """``config`` and the file of a student of it."""
    cfg = load_config(config, RunOptions())
    node = cfg.model.get('student', cfg.model)
    torch.manual_seed(0)
    model = lived_in(MODELS.build(ConfigDict(node.model)))
    path = config.with_suffix('.pth')
    meta = {'modality': node.modality, 'classes': list(dataset_classes(cfg))}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, path)
    return config, path


def image_student(folder):
    """Of images in ``FOLDER/motions/image``."""
    return saved(write_configs(folder, write_motions(folder / 'motions', train=6, test=5), method='feat'))


def imu_student(folder):
    """Of arrays in ``FOLDER/motions/imu``; to be called after :func:`image_student`."""
    return saved(folder / 'imu.py')


def segmentor(folder, nyu_root, modality):
    """Of the frames in ``nyu_root``, which it sees at 40x30."""
    network = segmentor_config()
    network['backbone'] = {**network['backbone'], 'in_channels': {'rgb': 3, 'depth': 1}[modality]}
    for name in ('decode_head', 'auxiliary_head'):
        network[name] = {**network[name], 'num_classes': 40}
    config = folder / f'{modality}.py'
    config.write_text(
        f'_base_ = {str(REPOSITORY / f"configs/unimodal/nyu_{modality}.py")!r}\n'
        f'run_options = dict(data_root={str(nyu_root)!r}, size=(40, 30), workers=0)\n'
        f'model = dict(model=dict(_delete_=True, **{network!r}))\n'
    )
    return saved(config)


def text_student(folder):
    """Of texts of :data:`WORDS`, 6 tokens at most."""
    bert = folder / 'bert'
    write_bert(bert, num_hidden_layers=1)
    (bert / 'vocab.txt').write_text('\n'.join(WORDS) + '\n')
    (bert / 'tokenizer_config.json').write_text(json.dumps({'tokenizer_class': 'BertTokenizerFast'}))
    config = folder / 'text.py'
    config.write_text(
        f'_base_ = {str(REPOSITORY / "configs/unimodal/crisismmd_text.py")!r}\n'
        f'run_options = dict(data_root="gone", text_model={str(bert)!r})\n'
        'test_dataloader = dict(dataset=dict(pipeline=[dict(type="Tokenize", modality="text", model="", '
        'max_length=6), dict(type="PackClassification")]))\n'
    )
    return saved(config)


def sound_student(folder):
    """Of sound in ``FOLDER/said/audio`` under fixed noise, whose test samples are ``a`` and ``b``."""
    root = folder / 'said'
    (root / 'audio').mkdir(parents=True)
    for number, name in enumerate('abcd'):
        write_tone(root / 'audio' / f'{name}.wav', 300 * (number + 1), 0.1 + 0.02 * number)
    (root / 'list.csv').write_text('id,label,split\na,0,test\nb,1,test\nc,0,train\nd,1,train\n')
    config = folder / 'sound.py'
    base = str(REPOSITORY / 'configs' / '_base_')
    config.write_text(
        f'_base_ = [{base!r} + "/datasets/classification.py", {base!r} + "/schedules/classification_10e.py", '
        f'{base!r} + "/default_runtime.py"]\n'
        'run_options = dict(batch_size=2, workers=0)\n'
        'pipeline = [dict(type="LoadAudio", modality="noisy", seconds=0.1), dict(type="AddNoise", modality="noisy", '
        'snr_db=0), dict(type="Spectrogram", modality="noisy", window=256, overlap=16), '
        'dict(type="PackClassification")]\n'
        f'dataset = dict(type="PairedDataset", data_root={str(root)!r}, annotations="list.csv", '
        'sources=dict(noisy="audio/{id}.wav"), classes=("0", "1"), pipeline=pipeline)\n'
        'train_dataloader = dict(dataset=dict(**dataset, split="train"))\n'
        'val_dataloader = dict(dataset=dict(**dataset, split="test", test_mode=True))\n'
        'test_dataloader = val_dataloader\n'
        'model = dict(type="SingleModality", modality="noisy", model=dict(type="Classifier", '
        'backbone=dict(type="ResNet18", in_channels=1)), data_preprocessor=dict(type="MultimodalPreprocessor", '
        'modalities=dict(noisy=dict())))\n'
    )
    return saved(config)


def write_tone(path, hertz, seconds, rate=RATE, channels=1):
    """A sine, int16."""
    wave = np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    samples = np.rint(20000 * wave).astype(np.int16)
    soundfile.write(path, np.stack([samples] * channels, 1), rate, subtype='PCM_16')
    return path
