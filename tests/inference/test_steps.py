"""The steps that an input passes: the modality's own, without labels; of files only what is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fdkd.datasets.base import seeded
from fdkd.datasets.transforms import LoadFrames
from fdkd.errors import ConfigError, ExportError
from fdkd.export.metadata import steps as described
from fdkd.inference.steps import steps_of_config, steps_of_export
from tests.inference.tiny import write_tone

PIPELINE = [
    dict(type='LoadRGB'),
    dict(type='LoadDepth'),
    dict(type='mmseg.Resize', scale=(16, 12)),
    dict(type='LoadLabelMap'),
    dict(type='PackSegmentation'),
]
SOUND = [
    dict(
        type='Cached',
        modality='audio',
        folder='never made',
        transforms=[
            dict(type='LoadAudio', modality='audio', seconds=0.1),
            dict(type='AddNoise', modality='audio', snr_db=0),
        ],
    ),
    dict(type='Spectrogram', modality='audio', window=256, overlap=16),
    dict(type='LoadFrames', modality='visual', pick='random'),
    dict(type='PackClassification'),
]


def meta(pipeline, modality, task='classification'):
    return {'modality': modality, 'task': task, 'preprocessing': described(pipeline, modality)}


def test_only_the_modalitys_steps_are_kept():
    for modality, names, dense in (
        ('rgb', ['LoadRGB', 'Resize', 'PackSegmentation'], True),
        ('depth', ['LoadDepth', 'Resize', 'PackSegmentation'], True),
    ):
        found = steps_of_config(PIPELINE, modality)
        assert (found.names, found.kind, found.dense) == (names, names[0], dense)
    found = steps_of_config(SOUND, 'audio')
    assert found.names == ['LoadAudio', 'AddNoise', 'Spectrogram', 'PackClassification']
    assert not found.dense
    assert not Path('never made').exists()


@pytest.mark.parametrize('modality', ['rgb', 'depth'])
def test_described_steps_do_the_same(nyu_root, modality):
    path = str(nyu_root / modality / f'0005.{"jpg" if modality == "rgb" else "png"}')
    one, other = (
        steps(path, '0005')
        for steps in (
            steps_of_config(PIPELINE, modality),
            steps_of_export(meta(PIPELINE, modality, 'segmentation'), Path('a.onnx')),
        )
    )
    assert one['inputs'][modality].shape[1:] == (12, 16)
    assert torch.equal(one['inputs'][modality], other['inputs'][modality])
    assert one['data_samples'].ori_shape == other['data_samples'].ori_shape == (24, 32)


def test_noise_is_that_of_the_sample_and_can_be_left_out(tmp_path):
    path = str(write_tone(tmp_path / 'a.wav', 400, 0.1))
    steps, other = steps_of_config(SOUND, 'audio'), steps_of_export(meta(SOUND, 'audio'), Path('a.pth'))
    a = steps(path, 'a')['inputs']['audio']
    assert torch.equal(a, other(path, 'a')['inputs']['audio'])
    assert not torch.equal(a, steps(path, 'b')['inputs']['audio'])
    clean = steps_of_config(SOUND, 'audio', ['AddNoise'])
    assert torch.equal(clean(path, 'a')['inputs']['audio'], clean(path, 'b')['inputs']['audio'])
    with pytest.raises(ConfigError, match=r'leave_out names Echo, no step of this pipeline \(LoadAudio'):
        steps_of_config(SOUND, 'audio', ['Echo'])


def test_random_steps_draw_what_an_evaluation_draws(tmp_path):
    for number in range(9):
        Image.fromarray(np.full((8, 8, 3), 20 * number, np.uint8)).save(tmp_path / f'{number}.png')
    steps = steps_of_config(SOUND, 'visual')
    state = torch.get_rng_state()
    first = steps(str(tmp_path), 'a')['inputs']['visual']
    assert torch.equal(torch.get_rng_state(), state)
    with seeded(0, 0, 'a'):
        assert torch.equal(first, LoadFrames('visual', pick='random').apply(str(tmp_path), 'a'))
    assert len({int(steps(str(tmp_path), name)['inputs']['visual'].max()) for name in 'abcdefgh'}) > 1


def test_a_modality_that_nothing_reads_is_refused():
    with pytest.raises(ConfigError, match='no step that reads touch'):
        steps_of_config(PIPELINE, 'touch')


@pytest.mark.parametrize(
    'kind', ['os.system', 'Cached', 'fdkd.Cached', 'mmseg.LoadBiomedicalData', 'os.LoadRGB', 'gone']
)
def test_a_file_names_no_function(kind):
    given = meta(SOUND, 'audio')
    given['preprocessing'].insert(0, {'type': kind, 'command': 'touch x', 'does': 'harm'})
    with pytest.raises(ExportError, match=rf"a\.pth: its preprocessing names the step '{kind}', which is none of fdkd"):
        steps_of_export(given, Path('a.pth'))
