"""Normalisation by hand and against torchvision, and the batches that are refused."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torchvision.transforms.v2 import functional

from fdkd.datasets.class_sample import ClassSample
from fdkd.errors import ConfigError, DataError
from fdkd.models import MultimodalPreprocessor, Normalizer
from fdkd.registry import MODELS
from tests.support.pairs import ALONE, BOTH, network
from tests.support.pairs import batch as pairs

RGB = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375]}
DEPTH = {'mean': [2.0], 'std': [0.5], 'clip': (0.0, 10.0), 'hole': 0.0}


def sample(name='a', label=None):
    """A data sample with the given label map, or without one."""
    made = SegDataSample(metainfo={'sample_id': name})
    if label is not None:
        made.gt_sem_seg = PixelData(data=torch.as_tensor(label)[None])
    return made


def partial(inputs, **present):
    """A batch of classification samples, by name with the modalities that each has."""
    samples = [ClassSample(metainfo={'sample_id': name, 'present': parts}) for name, parts in present.items()]
    return {'inputs': inputs, 'data_samples': samples}


def batch(labels=(None, None), **inputs):
    names = 'ab'
    return {'inputs': inputs, 'data_samples': [sample(names[i], label) for i, label in enumerate(labels)]}


def test_depth_by_hand():
    metres = torch.tensor([[[[0.0, 2.0, 3.0], [10.0, 12.0, 0.5]]]])
    # a hole is 0; (2 - 2) / 0.5 = 0; (3 - 2) / 0.5 = 2; (10 - 2) / 0.5 = 16; 12 is clipped to 10; (0.5 - 2) / 0.5 = -3
    assert Normalizer(**DEPTH)(metres).tolist() == [[[[0.0, 0.0, 2.0], [16.0, 16.0, -3.0]]]]


def test_a_hole_is_told_from_a_value_that_clips_to_it():
    values = Normalizer(mean=[2.0], std=[1.0], clip=(1.0, 10.0), hole=0.0)(torch.tensor([0.0, 0.5]).view(1, 1, 1, 2))
    assert values.flatten().tolist() == [0.0, -1.0]


def test_without_hole_and_clip_every_value_counts():
    assert Normalizer(mean=[2], std=[4])(torch.tensor([0, 30]).view(1, 1, 1, 2)).flatten().tolist() == [-0.5, 7.0]


def test_rgb_equals_torchvision():
    image = torch.randint(0, 256, (2, 3, 5, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = functional.normalize(image.float(), **RGB)
    torch.testing.assert_close(Normalizer(**RGB)(image), expected)


def test_a_batch_is_stacked_and_normalised_modality_by_modality():
    preprocessor = MultimodalPreprocessor({'rgb': RGB, 'depth': DEPTH})
    rgb = [torch.full((3, 2, 2), value, dtype=torch.uint8) for value in (10, 200)]
    depth = [torch.full((1, 2, 2), value) for value in (1.0, 4.0)]
    data = preprocessor(batch(rgb=rgb, depth=depth))
    assert data['inputs']['depth'][:, 0, 0, 0].tolist() == [-2.0, 4.0]
    torch.testing.assert_close(data['inputs']['rgb'], functional.normalize(torch.stack(rgb).float(), **RGB))
    assert [x.sample_id for x in data['data_samples']] == ['a', 'b']


def test_the_constants_are_not_part_of_the_weights():
    preprocessor = MultimodalPreprocessor({'rgb': RGB})
    assert not preprocessor.state_dict()
    assert preprocessor.double().normalizers['rgb'].mean.dtype == torch.float64  # but they move with the model


def test_sizes_that_differ_are_named():
    told = (
        r'rgb: a has \(3, 2, 4\), b has \(3, 2, 2\), which makes no batch: for pictures, add a Res.*`seconds`; for arr'
    )
    with pytest.raises(DataError, match=told):
        MultimodalPreprocessor({'rgb': RGB})(batch(rgb=[torch.zeros(3, 2, 4), torch.zeros(3, 2, 2)]))
    pictures = [torch.zeros(3, 2, size, dtype=torch.uint8) for size in (4, 2)]
    with pytest.raises(DataError, match=r', which makes no batch: add a Resize to the pipeline$'):
        MultimodalPreprocessor({'rgb': RGB})(batch(rgb=pictures))


def test_of_vectors_the_odd_ones_are_named():
    samples = {name: ('imu',) for name in 'abcdef'}
    data = partial({'imu': [torch.zeros(size) for size in (40, 38, 40, 40, 38, 37)]}, **samples)
    told = r'imu: f has \(37,\), b, e have \(38,\), the other 3 have \(40,\), which .*: correct the file, or cut'
    with pytest.raises(DataError, match=told):
        MultimodalPreprocessor({'imu': {}})(data)


def test_a_modality_without_settings_is_named():
    with pytest.raises(DataError, match=r"modality 'depth' has no entry in data_preprocessor.modalities \['rgb'\]"):
        MultimodalPreprocessor({'rgb': RGB})(batch(depth=[torch.zeros(1, 2, 2)] * 2))


VOID = [[255, 255], [255, 255]]
ONE_PIXEL = [[255, 255], [255, 7]]


def test_a_batch_of_void_is_refused_in_training_alone():
    preprocessor = MultimodalPreprocessor({'depth': DEPTH})
    data = batch((VOID, VOID), depth=[torch.ones(1, 2, 2)] * 2)
    with pytest.raises(DataError, match='every pixel of the batch is void; its samples are a, b'):
        preprocessor(data, training=True)
    evaluated = preprocessor(data)['data_samples']
    assert [x.gt_sem_seg.data.tolist() for x in evaluated] == [[VOID], [VOID]]


@pytest.mark.parametrize('labels', [(VOID, ONE_PIXEL), (ONE_PIXEL, VOID), (VOID, None)])
def test_one_labelled_pixel_or_an_unlabelled_sample_passes(labels):
    data = MultimodalPreprocessor({'depth': DEPTH})(batch(labels, depth=[torch.ones(1, 2, 2)] * 2), training=True)
    assert data['inputs']['depth'].unique().tolist() == [-2.0]


def test_unlabelled_samples_are_no_void_ones():
    data = batch((VOID, VOID), depth=[torch.ones(1, 2, 2)] * 2)
    preprocessor = MultimodalPreprocessor({'depth': DEPTH})
    for present in (('depth',), ('depth', 'label')):
        data['data_samples'][1].set_metainfo({'present': present})
        if 'label' in present:
            with pytest.raises(DataError, match='every pixel of the batch is void; its samples are a, b'):
                preprocessor(data, training=True)
        else:
            assert preprocessor(data, training=True)['inputs']['depth'].unique().tolist() == [-2.0]


def test_frames_are_normalised_as_images_are():
    clips = torch.randint(0, 256, (2, 3, 3, 5, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    data = MultimodalPreprocessor({'visual': RGB})(batch(visual=list(clips)))
    expected = functional.normalize(clips.float(), **RGB)
    torch.testing.assert_close(data['inputs']['visual'], expected)
    torch.testing.assert_close(data['inputs']['visual'][1, 2], functional.normalize(clips[1, 2].float(), **RGB))


def test_an_empty_entry_casts_alone():
    audio = [torch.full((1, 2, 3), value, dtype=torch.float64) for value in (-1.25, 300.5)]
    data = MultimodalPreprocessor({'audio': {}})(batch(audio=audio))['inputs']['audio']
    assert data.dtype == torch.float32
    assert data[:, 0, 1, 2].tolist() == [-1.25, 300.5]


def test_token_ids_are_padded_on_the_right_and_stay_integers():
    text = [torch.tensor([101, 7, 8, 102]), torch.tensor([101, 102])]
    ids = MultimodalPreprocessor({'text': {'tokens': True}})(batch(text=text))['inputs']['text']
    assert ids.dtype == torch.int64
    assert ids.tolist() == [[101, 7, 8, 102], [101, 102, -1, -1]]


def test_a_modality_that_some_samples_lack_has_fewer_rows():
    inputs = {'audio': [torch.zeros(1, 2, 2), torch.ones(1, 2, 2)], 'text': [torch.tensor([5]), torch.tensor([6, 7])]}
    preprocessor = MultimodalPreprocessor({'audio': {}, 'text': {'tokens': True}})
    data = preprocessor(partial(inputs, a=('audio', 'label'), b=('text',), c=('audio', 'text', 'label')), training=True)
    assert data['inputs']['audio'][:, 0, 0, 0].tolist() == [0, 1]
    assert data['inputs']['text'].tolist() == [[5, -1], [6, 7]]
    assert [x.present for x in data['data_samples']] == [('audio', 'label'), ('text',), ('audio', 'text', 'label')]


def test_sizes_that_differ_are_those_of_the_samples_that_have_the_modality():
    data = partial({'audio': [torch.zeros(1, 2, 3), torch.zeros(1, 2, 4)]}, a=('audio',), b=('text',), c=('audio',))
    with pytest.raises(DataError, match=r'audio: a has \(1, 2, 3\), c has \(1, 2, 4\), which .*`seconds`'):
        MultimodalPreprocessor({'audio': {}})(data)


@pytest.mark.parametrize('frames', [(), (2,)])
def test_images_and_clips_can_have_their_channels_innermost(frames):
    plain, last = (MultimodalPreprocessor({'rgb': RGB, 'audio': {}, 'text': {'tokens': True}}) for _ in range(2))
    last.memory_format = torch.channels_last
    made = torch.rand(2, *frames, 3, 4, 5)
    data = batch(rgb=list(made), audio=list(torch.rand(2, 7)), text=[torch.ones(3).long(), torch.ones(2).long()])
    expected, found = plain(data)['inputs'], last(data)['inputs']
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    images = found['rgb'].flatten(0, 1) if frames else found['rgb']
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert expected['rgb'].is_contiguous()


def test_distillation_with_channels_innermost_computes_the_same():
    found = []
    for memory_format in (torch.preserve_format, torch.channels_last):
        torch.manual_seed(0)
        parts = [ConfigDict(modality=name, model=network(n)) for name, n in (('audio', 1), ('visual', 3))]
        losses = ConfigDict(fdkd=dict(type='FDKDLoss', on='map', align=False, band_task=False))
        distiller = dict(student=parts[0], teacher=parts[1] | {'checkpoint': None}, losses=losses)
        algorithm = MODELS.build(dict(type='CrossModalDistiller', **distiller)).double()
        algorithm.to(memory_format=memory_format)
        preprocessor = MultimodalPreprocessor({'audio': {}, 'visual': {}})
        preprocessor.memory_format = memory_format
        inputs, samples = pairs(BOTH, BOTH, ALONE)
        data = preprocessor({'inputs': {name: list(x) for name, x in inputs.items()}, 'data_samples': samples})
        inputs = {name: x.double() for name, x in data['inputs'].items()}
        loss, parts = algorithm.parse_losses(algorithm(inputs, samples, mode='loss'))
        loss.backward()
        weight, frozen = algorithm.student.backbone.layer1[0].conv1.weight, algorithm.teacher.backbone.conv1.weight
        last = [x.is_contiguous(memory_format=torch.channels_last) for x in (weight, frozen, inputs['visual'])]
        assert last == [memory_format is torch.channels_last] * 3
        found.append({**{name: value.detach() for name, value in parts.items()}, 'gradient': weight.grad})
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('shape', [(2, 4, 6, 6), (2, 5, 4, 6, 6), (3, 6)])
def test_other_channels_than_means_are_refused(shape):
    with pytest.raises(DataError, match='cannot be normalised by 3 means'):
        Normalizer(**RGB)(torch.zeros(shape))


def test_vectors_are_normalised_value_by_value():
    normalized = Normalizer(mean=[1.0, 100.0], std=[2.0, 50.0], clip=(-9, 150))(torch.tensor([[3, 200], [-1, 0]]))
    assert normalized.tolist() == [[1, 1], [-1, -2]]


def test_one_mean_serves_all_channels():
    assert Normalizer(mean=[1.0], std=[2.0])(torch.ones(2, 5, 4, 4)).eq(0).all()


@pytest.mark.parametrize(('mean', 'std'), [([1, 2], [1]), ([1], [0]), ([1], [-1]), ([1], [float('nan')])])
def test_constants_that_normalise_nothing_are_refused(mean, std):
    with pytest.raises(ConfigError, match='as many of each, and every std above 0'):
        Normalizer(mean, std)
