"""Generated batches have the shapes that a config's pipeline makes."""

import pytest
import torch
from mmengine.config import Config

from fdkd.check.inputs import Plan, generated_batch, shrink
from fdkd.errors import ConfigError


def batch(data, modalities, quick=False, samples=2, **steps):
    pipeline = Config.fromfile(f'configs/_base_/datasets/{data}.py').train_dataloader.dataset.pipeline
    for index, changes in steps.items():
        pipeline[int(index[1:])].update(changes)
    return generated_batch(pipeline, Plan(modalities, 40, {}, quick), samples)


def shapes(made):
    return {name: [(tuple(x.shape), x.dtype) for x in tensors][-1] for name, tensors in made['inputs'].items()}


def test_segmentation_is_resized_and_has_void_pixels():
    made = batch('nyu_depth_v2', ['rgb', 'depth'], _3=dict(scale=(64, 48)))
    assert shapes(made) == {'rgb': ((3, 48, 64), torch.uint8), 'depth': ((1, 48, 64), torch.float32)}
    labels = torch.stack([sample.gt_sem_seg.data for sample in made['data_samples']])
    assert labels.shape == (2, 1, 48, 64)
    assert 0.05 < (labels == 255).float().mean() < 0.15
    assert labels[labels != 255].max() == 39


def test_depth_alone():
    assert shapes(batch('nyu_depth_v2', ['depth'], _3=dict(scale=(64, 48)))) == {'depth': ((1, 48, 64), torch.float32)}


def test_sound_has_its_length_and_frames_their_number():
    made = batch('vggsound', ['audio', 'visual'], samples=1)
    assert shapes(made) == {'audio': ((1, 257, 1004), torch.float32), 'visual': ((3, 3, 224, 224), torch.uint8)}
    assert made['data_samples'][0].present == ('audio', 'visual', 'label')
    assert abs(float(made['inputs']['audio'][0].mean())) < 1e-4


def test_nothing_generated_is_cached(tmp_path):
    load = dict(type='LoadAudio', modality='audio', seconds=0.5)
    cached = dict(
        type='Cached',
        modality='audio',
        folder=str(tmp_path),
        transforms=[load, dict(type='Spectrogram', modality='audio')],
    )
    made = generated_batch([cached, dict(type='PackClassification')], Plan(['audio'], 3, {}), 1)
    assert shapes(made)['audio'][0][0] == 1
    assert list(tmp_path.iterdir()) == []


def test_a_quick_batch_is_short():
    assert shapes(batch('ave', ['audio'], quick=True))['audio'][0] == (1, 257, 48)
    made = batch('crisismmd', ['text'], quick=True)
    assert shapes(made)['text'] == ((8,), torch.int64)


def test_samples_differ_and_repeat():
    made, again = batch('grid_digits', ['noisy', 'visual']), batch('grid_digits', ['noisy', 'visual'])
    first, second = made['inputs']['visual']
    assert first.shape == (1, 3, 48, 48)
    assert not torch.equal(first, second)
    assert torch.equal(first, again['inputs']['visual'][0])


@pytest.mark.parametrize('shape', [(24,), (6, 48, 64)])
def test_arrays_have_the_shape_of_the_plan(shape):
    pipeline = [dict(type='LoadArray', modality='imu'), dict(type='PackClassification')]
    assert shapes(generated_batch(pipeline, Plan(['imu'], 3, {'imu': shape}), 1))['imu'][0] == shape


@pytest.mark.parametrize(
    ('key', 'own', 'shrunk'),
    [
        ('size', (32, 32), (32, 32)),
        ('size', (224, 224), (48, 64)),
        ('size', (20, 90), (20, 64)),
        ('size', 32, (32, 32)),
        ('size', 224, (48, 64)),
        ('scale', (90, 20), (64, 20)),
        ('scale', (640, 480), (64, 48)),
        ('size', 'small', (48, 64)),
    ],
)
def test_a_size_shrinks_and_never_grows(key, own, shrunk):
    inner = {'type': 'Augment', key: own}
    pipeline = [dict(inner), dict(type='Cached', transforms=[dict(inner)]), dict(type='PackClassification')]
    shrink(pipeline, 48, 64)
    assert pipeline[0][key] == pipeline[1]['transforms'][0][key] == shrunk
    assert pipeline[2] == dict(type='PackClassification')


def test_a_modality_that_nothing_loads_is_refused():
    with pytest.raises(ConfigError, match=r'no step .* loads thermal; loaded are depth, rgb'):
        batch('nyu_depth_v2', ['rgb', 'thermal'])


def test_a_step_that_fails_is_named():
    with pytest.raises(ConfigError, match=r'the step Augment fails on generated values: visual of sample generated_0'):
        batch('grid_digits', ['visual'], _7=dict(size=(999, 48), padding=0))
