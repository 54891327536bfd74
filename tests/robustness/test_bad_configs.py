"""Configs that cannot be meant are refused before anything is written: each mistake by its path, several at once."""

import pytest

from tests.robustness.bad.breaking import config, written
from tests.robustness.bad.place import new_place  # noqa: F401
from tests.robustness.bad.tools import Bad, refuses

PAIR, TRAIN, CHECK = 'configs/pair/image_from_imu.py', ('train', '{pair}'), ('check_config', '{pair}', '--quick')
FIVE = """
model['losses']['fdkd']['lamda_low'] = 1
train_datalaoder = dict()
train_cfg = dict(max_epoch=1, type='EpochLoop')
optim_wrapper = dict(optimizer=dict(type='SGDD'))
model['student']['model']['backbone']['in_chanels'] = 3
"""
FIVE_SAID = (
    '1. train_datalaoder: unknown key; did you mean train_dataloader?',
    "2. optim_wrapper.optimizer: unknown type 'SGDD'; did you mean SGD",
    '3. train_cfg.max_epoch: EpochLoop takes no such argument; did you mean max_epochs?',
    '4. model.student.model.backbone.in_chanels: TinyNet takes no such argument; did you mean in_channels?',
    '5. model.losses.fdkd.lamda_low: FDKDLoss takes no such argument; did you mean lambda_low?',
)
LOSS = "model['losses']['fdkd']"
DATASET = "train_dataloader['dataset']"
FILES = [
    Bad('an empty file', written(PAIR, '', *TRAIN), ['6 mistakes', '1. model: missing', '6. randomness: missing']),
    Bad('a bracket that is not closed', written(PAIR, 'model = dict(\n', *TRAIN), ['cannot be read: SyntaxError']),
    Bad('bytes', written(PAIR, bytes(range(256)), *TRAIN), ['image_from_imu.py: cannot be read: UnicodeDecodeError']),
    Bad('latin-1', written(PAIR, '# Größe\n'.encode('latin-1'), *TRAIN), ['cannot be read: UnicodeDecodeError']),
    Bad('a base that is absent', written(PAIR, "_base_ = ['none.py']\n", *TRAIN), ['cannot be read', 'pair/none.py']),
    Bad('broken JSON', written('c.json', '{', 'train', 'c.json'), ['c.json: cannot be read: JSONDecodeError']),
    Bad('another kind of file', written('c.txt', 'x', 'train', 'c.txt'), ['c.txt: cannot be read', 'py/yml/yaml/json']),
]  # fmt: skip
PROGRAMS = [
    Bad('an exception', config('1 / 0'), ['cannot be read: ZeroDivisionError']),
    Bad('an exit', config('import sys\nsys.exit(3)'), ['cannot be read: SystemExit: 3']),
    Bad(
        'a module that is absent',
        written(PAIR, lambda old: old.replace(b'tests.robustness.bad.tiny', b'my_network'), *TRAIN),
        ["there is no module 'my_network'", 'PYTHONPATH'],
    ),
]  # fmt: skip
SEVERAL = [
    Bad('five mistakes', config(FIVE), ['5 mistakes', *FIVE_SAID]),
    Bad('five mistakes, checked', config(FIVE, CHECK), ['5 mistakes', *FIVE_SAID]),
]  # fmt: skip
STRUCTURE = [
    Bad('a list as the model', config('model = []'), ['1. model: [], expected a dictionary with a type']),
    Bad('a model of no type', config("model.pop('type')"), ['1. model: names no type']),
    Bad('a number as a type', config("model['type'] = 3"), ['1. model.type: 3, expected the name of a class']),
    Bad('a list of losses', config("model['losses'] = [dict(type='FDKDLoss')]"), ['model.losses: [', 'a dictionary']),
    Bad('a list of losses, checked', config("model['losses'] = [1]", CHECK), ['1. model.losses: [1], expected']),
    Bad('no losses', config("model['losses'] = None"), ['model.losses: None, expected a dictionary']),
    Bad('empty losses', config("model['losses'] = {}"), ['model.losses: empty', 'SingleModality']),
    Bad('a loss of no type', config(f"{LOSS}.pop('type')"), ['1. model.losses.fdkd: names no type']),
    Bad('a list as run options', config('run_options = [1]'), ['run_options: [1], expected a dictionary']),
    Bad('no length', config('train_cfg = dict(_delete_=True)'), ['options cannot be applied', 'max_epochs']),
    Bad('an unpacked pipeline', config('pipeline.pop()'), ['packs nothing', 'PackClassification']),
    Bad('an empty pipeline', config('pipeline.clear()'), ['train_dataloader.dataset.pipeline: has no step']),
]  # fmt: skip
TYPES = [
    Bad('an unknown hook', config("custom_hooks = [dict(type='NoHook')]"), ["custom_hooks[0]: unknown type 'NoHook'"]),
    Bad('an unknown transform', config("pipeline[1]['transform'] = 'Resiz'"), ["'Resiz'; did you mean Resize?"]),
    Bad('a weight in words', config(f"{LOSS}['weight'] = 'much'"), ["fdkd.weight: 'much', FDKDLoss expects float"]),
    Bad('a lambda in words', config(f"{LOSS}['lambda_low'] = 'much'"), ["lambda_low: 'much', FDKDLoss expects float"]),
    Bad('a rate in words', config("optim_wrapper = dict(optimizer=dict(lr='fast'))"),
        ["lr: 'fast', SGD expects float"]),
    Bad('a batch in words', config("run_options.update(batch_size='all')"),
        ["run_options.batch_size: 'all', expected"]),
    Bad('a seed in words', config("run_options.update(seed='x')"), ["run_options.seed: 'x', expected a whole number"]),
    Bad('an unknown option', config('run_options.update(epoch=1)'), ['run_options.epoch: no such option', 'epochs?']),
]  # fmt: skip
VALUES = [
    Bad('a batch of none', config('run_options.update(batch_size=0)'), ['batch_size: 0, expected a whole number of 1']),
    Bad('no epochs', config('run_options.update(epochs=0)'), ['run_options.epochs: 0, expected a whole number of 1']),
    Bad('workers below none', config('run_options.update(workers=-1)'), ['run_options.workers: -1, expected a whole']),
    Bad('a loader of -1 workers', config("train_dataloader['num_workers'] = -1\nrun_options.pop('workers')"),
        ['train_dataloader.num_workers: -1, expected a whole number of 0 or more']),
    Bad('a rate below 0', config('optim_wrapper = dict(optimizer=dict(lr=-1.0))'),
        ['optim_wrapper: ValueError', '-1.0']),
    Bad('a precision', config("run_options.update(amp='fp8')"), ["--amp-dtype 'fp8': expected bf16 or fp16"]),
    Bad('a cutoff of 2', config(f"{LOSS}['decoupler'] = dict(type='FourierDecoupler', cutoff=2)"),
        ['cutoff=2, expected a fraction of Nyquist from 0 to 1']),
    Bad('an endless weight', config(f"{LOSS}['weight'] = float('inf')"),
        ['not finite at iteration 1', 'fdkd.loss_low']),
    Bad('means of other channels', config("data_preprocessor['modalities']['image'] = dict(mean=[1, 2], std=[1, 1])"),
        ['(4, 1, 3, 16, 16) cannot be normalised by 2 means', 'data_preprocessor.modalities']),
    Bad('deviations of 0', config("data_preprocessor['modalities']['image'] = dict(mean=[1], std=[0])"),
        ['mean=[1], std=[0]', 'every std above 0']),
    Bad('other channels', config("image['backbone']['in_channels'] = 4"),
        ['image: the data give [1, 3, 16, 16]', 'needs [4, H, W]', 'set in_channels=3 of the backbone']),
]  # fmt: skip
RELATIONS = [
    Bad('other classes', config("model['student']['model']['num_classes'] = 7"),
        ['7, but PairedDataset has 3 classes']),
    Bad('an unknown modality', config("model['student']['modality'] = 'thermal'"), ["'thermal'", "'image', 'imu'"]),
    Bad('a tap that is not there', config(f"{LOSS}['on'] = 'backbone.layer9'"),
        ["no tap 'backbone.layer9'", 'nearest']),
    Bad('a loss without a tap', config(f"{LOSS}.pop('on')"), ["the loss 'fdkd' names no tap: add on='feat'"]),
    Bad('a teacher of another modality', config("model['teacher']['modality'] = 'image'"),
        ["trains a model of modality 'imu', expected 'image'"]),
    Bad('a teacher whose config is absent', config("model['teacher']['config'] = 'configs/none.py'"),
        ["the teacher's config configs/none.py does not exist"]),
    Bad('a pair as its own teacher', config("model['teacher']['config'] = 'configs/pair/image_from_imu.py'"),
        ['image_from_imu.py trains a pair', "modality 'imu' alone"]),
    Bad('a teacher from nowhere', config("model['teacher'].pop('config')"), ['neither a checkpoint nor a config']),
    Bad('FreeKD without its first stage', config("model['losses'] = dict(freekd=dict(type='FreeKDLoss', on='map'))"),
        ['model.losses.freekd: FreeKDLoss learns in a stage before training', "dict(type='LearnPrompts')"]),
    Bad('the same, checked', config("model['losses'] = dict(freekd=dict(type='FreeKDLoss', on='map'))", CHECK),
        ["add dict(type='LearnPrompts') to custom_hooks"]),
    Bad('OFD between two students', config(
        "model.update(type='MutualDistiller', losses=dict(ofd=dict(type='OFDLoss', on='feat')))"),
        ["the loss 'ofd': OFDLoss takes what it compares from a trained teacher", 'CrossModalDistiller']),
    Bad('no entry of a modality', config("data_preprocessor['modalities'].pop('image')"),
        ["modality 'image' has no entry in data_preprocessor.modalities"]),
    Bad('a modality that nobody reads', config('pipeline.pop(0)'), ['image is still', 'needs a step that reads it']),
    Bad('a split that is not there', config(f"{DATASET}['split'] = 'validation'"),
        ["'validation', expected one of train"]),
    Bad('a column that is not there', config(f"{DATASET}['sources']['imu'] = 'imu/{{name}}.npy'"),
        ['clips.csv', "sources.imu='imu/{name}.npy' names name, but the columns are id, label, split"]),
    Bad('weights that are not there', config("load_from = 'none.pth'"), ['none.pth: no such checkpoint']),
]  # fmt: skip
ROWS = [*FILES, *PROGRAMS, *SEVERAL, *STRUCTURE, *TYPES, *VALUES, *RELATIONS]


@pytest.mark.parametrize('bad', ROWS, ids=lambda bad: bad.name)
def test_it_is_refused(bad, place, capsys):
    refuses(bad, place, capsys)
