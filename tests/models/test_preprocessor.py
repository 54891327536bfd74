"""Normalisation by hand and against torchvision, and the batches that are refused."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torchvision.transforms.v2 import functional

from fdkd.errors import DataError
from fdkd.models import MultimodalPreprocessor, Normalizer

RGB = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375]}
DEPTH = {'mean': [2.0], 'std': [0.5], 'clip': (0.0, 10.0), 'hole': 0.0}


def sample(name='a', label=None):
    """A data sample with the given label map, or without one."""
    made = SegDataSample(metainfo={'sample_id': name})
    if label is not None:
        made.gt_sem_seg = PixelData(data=torch.as_tensor(label)[None])
    return made


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
    with pytest.raises(
        DataError, match=r'rgb of the samples a, b has the shapes \[\(3, 2, 2\), \(3, 2, 4\)\]: add a Res'
    ):
        MultimodalPreprocessor({'rgb': RGB})(batch(rgb=[torch.zeros(3, 2, 4), torch.zeros(3, 2, 2)]))


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
