"""Which steps draw random numbers, and which modality they may change."""

import pytest
from mmcv.transforms import BaseTransform
from mmcv.transforms import Resize as MMCVResize

import fdkd.datasets.transforms
from fdkd.datasets.steps import concerns, is_random, step_name, uncached
from fdkd.engine.console import import_quietly
from fdkd.registry import TRANSFORMS

import_quietly('mmseg.datasets')


class Own(MMCVResize):
    """Derived from a known class, and hence unknown itself."""


class Resize(BaseTransform):
    """A stranger with a known name."""

    def transform(self, results):
        return results


def build(**config):
    return TRANSFORMS.build(config)


@pytest.mark.parametrize(
    ('step', 'random'),
    [
        (dict(type='mmseg.Resize', scale=(4, 4)), False),
        (dict(type='mmcv.Resize', scale=(4, 4)), False),
        (dict(type='mmcv.Pad', size=(4, 4)), False),
        (dict(type='mmcv.LoadImageFromFile'), False),
        (dict(type='mmcv.RandomResize', scale=(4, 4), ratio_range=(0.5, 2)), True),
        (dict(type='mmseg.RandomFlip', prob=0.5), True),
        (dict(type='mmseg.PhotoMetricDistortion'), True),
        (dict(type='RandomHSV'), True),
        (dict(type='LoadRGB'), False),
        (dict(type='LoadLabelMap'), False),
        (dict(type='LoadFrames', modality='visual'), False),
        (dict(type='LoadFrames', modality='visual', pick='random'), True),
        (dict(type='AddNoise', modality='audio', snr_db=1), False),
        (dict(type='Augment', modality='visual', transform='Pad', padding=1), False),
        (dict(type='Augment', modality='visual', transform='RandomErasing'), True),
    ],
)
def test_what_draws_random_numbers(step, random):
    assert is_random(build(**step)) is random


def test_strangers_count_as_random():
    assert is_random(Own(scale=(4, 4)))
    assert is_random(Resize())
    assert is_random(lambda results: results)


def test_every_transform_of_ours_says_whether_it_is_random():
    for name in fdkd.datasets.transforms.__all__:
        kind = getattr(fdkd.datasets.transforms, name)
        assert isinstance(kind.random, bool), name


def test_a_step_concerns_its_own_modality_and_one_without_every():
    hsv, flip = build(type='RandomHSV'), build(type='mmseg.RandomFlip', prob=0.5)
    crop = build(type='Augment', modality='visual', transform='RandomCrop', size=4)
    assert [concerns(step, 'rgb') for step in (hsv, flip, crop)] == [True, True, False]
    assert [concerns(step, 'depth') for step in (hsv, flip, crop)] == [False, True, False]
    assert concerns(crop, 'visual')


def test_names_for_people():
    assert step_name(build(type='RandomHSV')) == 'RandomHSV'
    assert step_name(build(type='Augment', modality='visual', transform='RandomCrop', size=4)) == 'Augment(RandomCrop)'
    assert step_name(test_names_for_people) == 'test_names_for_people'


def test_what_is_cached_stands_in_the_place_of_the_cache():
    load, pack = {'type': 'LoadAudio', 'modality': 'audio'}, {'type': 'PackClassification'}
    spectrogram = {'type': 'Spectrogram', 'modality': 'audio'}
    cached = {'type': 'Cached', 'modality': 'audio', 'folder': 'kept', 'transforms': [load, spectrogram]}
    assert uncached([cached, pack]) == [load, spectrogram, pack]
