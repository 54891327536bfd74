"""torchvision's transforms reach all frames of a clip alike, and follow the sample's generator."""

import pytest
import torch
from torchvision.transforms import v2

from fdkd.datasets.base import seeded
from fdkd.datasets.transforms import Augment
from fdkd.errors import ConfigError, DataError

CLIP = torch.arange(3 * 12 * 16, dtype=torch.uint8).view(1, 3, 12, 16).expand(4, 3, 12, 16).contiguous()


def augment(transform, clip=CLIP, epoch=0, **settings):
    step = Augment('visual', transform, **settings)
    with seeded(0, epoch, 'a'):
        return step({'sample_id': 'a', 'visual': clip})['visual']


@pytest.mark.parametrize(
    ('transform', 'settings', 'shape'),
    [
        ('RandomResizedCrop', {'size': (6, 5)}, (4, 3, 6, 5)),
        ('RandomHorizontalFlip', {}, (4, 3, 12, 16)),
        ('RandomCrop', {'size': [7, 9]}, (4, 3, 7, 9)),
        ('Resize', {'size': (3, 4)}, (4, 3, 3, 4)),
        ('ColorJitter', {'brightness': 0.5}, (4, 3, 12, 16)),
    ],
)
def test_all_frames_change_alike(transform, settings, shape):
    changed = [augment(transform, epoch=epoch, **settings) for epoch in range(8)]
    for clip in changed:
        assert (clip.dtype, clip.shape) == (torch.uint8, shape)
        assert all(torch.equal(frame, clip[0]) for frame in clip)
    if transform != 'Resize':
        assert len({tuple(clip.flatten().tolist()) for clip in changed}) > 1


def test_equals_torchvision_under_the_same_seed():
    with seeded(0, 3, 'a'):
        expected = v2.RandomResizedCrop((6, 5), antialias=True)(CLIP)
    assert torch.equal(augment('RandomResizedCrop', epoch=3, size=(6, 5)), expected)


def test_resizing_smooths():
    stripes = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    stripes[..., ::2] = 200
    assert augment('Resize', stripes, size=(2, 2)).float().sub(100).abs().max() < 30  # picking pixels gives 0 or 200


@pytest.mark.parametrize(
    ('transform', 'settings'),
    [
        ('CenterCrop', {'size': (6, 5)}),
        ('ConvertImageDtype', {'dtype': torch.float32}),
        ('Grayscale', {}),
        ('Identity', {}),
        ('Normalize', {'mean': [9.0], 'std': [2.0]}),
        ('Pad', {'padding': 2}),
        ('RGB', {}),
        ('Resize', {'size': (3, 4)}),
        ('ToDtype', {'dtype': torch.float32, 'scale': True}),
    ],
)
def test_what_draws_no_random_numbers_says_so(transform, settings):
    step = Augment('visual', transform, **settings)
    assert step.random is False
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, second = (step.apply(CLIP.float() / 255, sample_id) for sample_id in 'ab')
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ('transform', 'settings'),
    [
        ('RandomCrop', {'size': 3}),
        ('RandomHorizontalFlip', {}),
        ('ColorJitter', {'hue': 0.1}),
        ('GaussianBlur', {'kernel_size': 3}),
        ('GaussianNoise', {}),
        ('ElasticTransform', {}),
        ('JPEG', {'quality': (20, 80)}),
        ('AutoAugment', {}),
    ],
)
def test_everything_else_counts_as_random(transform, settings):
    assert Augment('visual', transform, **settings).random is True


@pytest.mark.parametrize(
    ('transform', 'hint'),
    [
        ('RandomResizeCrop', 'did you mean RandomResizedCrop'),
        ('zzz', 'see the documentation'),
        ('functional', 'has no'),
    ],
)
def test_an_unknown_transform_is_refused(transform, hint):
    with pytest.raises(ConfigError, match=hint):
        Augment('visual', transform)


@pytest.mark.parametrize('settings', [{'sise': 3}, {}, {'size': (1, 2, 3)}])
def test_settings_that_do_not_fit_are_refused(settings):
    with pytest.raises(ConfigError, match='Augment: RandomCrop does not take'):
        Augment('visual', 'RandomCrop', **settings)


def test_a_sample_that_is_too_small_is_named():
    with pytest.raises(DataError, match=r'visual of sample a: RandomCrop cannot be applied to \(4, 3, 12, 16\)'):
        augment('RandomCrop', size=(20, 20))


def test_a_sample_without_the_modality_passes_untouched():
    assert Augment('visual', 'Resize', size=(3, 4))({'sample_id': 'a'}) == {'sample_id': 'a'}
