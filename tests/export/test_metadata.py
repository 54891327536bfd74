"""What a file says: enough to make its inputs, in plain JSON."""

import json

import pytest
import torch

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.export.metadata import describe, steps


def pipeline(config):
    return load_config(f'configs/{config}.py', RunOptions()).test_dataloader.dataset.pipeline


@pytest.mark.parametrize(
    ('config', 'modality', 'types'),
    [
        ('unimodal/grid_audio', 'noisy', ['LoadAudio', 'AddNoise', 'Spectrogram']),
        ('unimodal/grid_visual', 'visual', ['LoadFrames', 'Augment']),
        ('unimodal/nyu_depth', 'depth', ['LoadDepth', 'mmseg.Resize']),
        ('unimodal/nyu_rgb', 'rgb', ['LoadRGB', 'mmseg.Resize']),
        ('unimodal/crisismmd_text', 'text', ['Tokenize']),
    ],
)
def test_steps_are_those_of_the_modality_in_words(config, modality, types):
    found = steps(pipeline(config), modality)
    assert [step['type'] for step in found] == types
    assert all(step['does'] for step in found)
    assert json.loads(json.dumps(found)) == found


def test_steps_state_their_defaults():
    audio, _, spectrogram = steps(pipeline('unimodal/grid_audio'), 'noisy')
    assert (audio['rate'], audio['seconds']) == (16000, 0.5)
    assert (spectrogram['window'], spectrogram['overlap'], spectrogram['rate']) == (256, 16, 16000)
    [_, resize] = steps(pipeline('unimodal/grid_visual'), 'visual')
    assert (resize['transform'], resize['size']) == ('Resize', [48, 48])


def test_a_strangers_step_is_described_by_its_own_words():
    [step] = steps([dict(type='mmseg.RGB2Gray')], 'rgb')
    assert step['does'].startswith('Convert RGB image to grayscale image')


def test_axes_without_a_length_have_names():
    meta = describe(
        modality='rgb',
        classes=('a', 'b'),
        palette=[(1, 2, 3), (4, 5, 6)],
        inputs={'rgb': torch.zeros(1, 3, 4, 6, dtype=torch.uint8)},
        axes={'rgb': {0: 'N', 2: 'H', 3: 'W'}},
        dense=True,
        align_corners=False,
        normalisation=dict(mean=(1.0, 2.0, 3.0), std=(1.0, 1.0, 1.0)),
        pipeline=[dict(type='LoadRGB')],
        pad=0,
        plain=None,
        source={'config': 'a/b', 'epoch': 3},
    )
    assert json.loads(json.dumps(meta)) == meta
    assert (meta['task'], meta['modality'], meta['classes'], meta['palette'][1]) == (
        'segmentation', 'rgb', ['a', 'b'], [4, 5, 6],
    )  # fmt: skip
    [taken] = meta['inputs']
    assert (taken['dtype'], taken['shape']) == ('uint8', ['N', 3, 'H', 'W'])
    assert 'RGB, 0 to 255' in taken['holds']
    assert meta['output']['shape'] == ['N', 'K', 'H', 'W']
    assert meta['normalisation']['mean'] == [1.0, 2.0, 3.0]
