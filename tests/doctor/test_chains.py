"""The steps that belong to a part of a sample, up to the first that draws random numbers."""

import pytest

from fdkd.datasets.transforms import LoadFrames, LoadLabelMap
from fdkd.doctor.chains import chain
from fdkd.errors import ConfigError
from tests.doctor.conftest import CLIPS, ROOMS


def steps(pipeline, part):
    found = chain(pipeline, part)
    return found and [type(step).__name__ for step in (found.loader, *found.rest)]


def test_steps_of_a_modality():
    assert steps(CLIPS['pipeline'], 'noisy') == ['LoadAudio', 'AddNoise']
    assert steps(CLIPS['pipeline'], 'text') is None
    assert steps(ROOMS['pipeline'], 'rgb') == ['LoadRGB']
    assert steps(ROOMS['pipeline'], 'label') == ['LoadLabelMap']
    assert steps([{'type': LoadLabelMap}], 'label') == ['LoadLabelMap']


def test_random_steps_end_a_chain_but_a_loader_may_be_random():
    flip = {'type': 'Augment', 'modality': 'visual', 'transform': 'RandomHorizontalFlip'}
    resize = {'type': 'Augment', 'modality': 'visual', 'transform': 'Resize', 'size': (4, 4)}
    assert steps([CLIPS['pipeline'][3], resize, flip, resize], 'visual') == ['LoadFrames', 'Augment']


def test_a_cache_is_replaced_by_what_it_keeps(tmp_path):
    cached = {'type': 'Cached', 'modality': 'noisy', 'folder': str(tmp_path), 'transforms': CLIPS['pipeline'][1:3]}
    assert steps([cached], 'noisy') == ['LoadAudio', 'AddNoise']


def test_steps_of_other_parts_are_not_even_built():
    impossible = {'type': 'LoadFrames', 'modality': 'visual', 'frames': 0}
    assert steps([impossible, CLIPS['pipeline'][4]], 'imu') == ['LoadArray']
    with pytest.raises(ConfigError, match='frames=0'):
        chain([impossible], 'visual')


def test_a_loader_sees_its_own_part_alone_and_draws_the_same_every_time(monkeypatch):
    drawn = []
    monkeypatch.setattr(LoadFrames, 'transform', lambda self, results: drawn.append((self.choose(100), results)))
    for _ in range(2):
        entry = {'sample_id': 'a', 'visual': 'x', 'audio': 'y', 'audio_path': 'z', 'gt_label': 1}
        chain(CLIPS['pipeline'], 'visual').load(entry, ('visual', 'audio', 'label'))
    assert drawn[0] == drawn[1]
    assert drawn[0][1] == {'sample_id': 'a', 'visual': 'x', 'gt_label': 1}
