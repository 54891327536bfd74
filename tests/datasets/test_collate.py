"""Batches whose samples lack modalities."""

import pytest
import torch
from mmengine.registry import FUNCTIONS

from fdkd.datasets.collate import collate_pairs
from fdkd.errors import ConfigError


def sample(name, **inputs):
    return {'inputs': {key: torch.tensor([value]) for key, value in inputs.items()}, 'data_samples': name}


def test_a_modality_holds_the_rows_of_those_that_have_it():
    batch = collate_pairs([sample('a', x=1, y=2), sample('b', x=3), sample('c', y=5, x=4)])
    assert [int(x) for x in batch['inputs']['x']] == [1, 3, 4]
    assert [int(y) for y in batch['inputs']['y']] == [2, 5]
    assert batch['data_samples'] == ['a', 'b', 'c']


def test_a_modality_that_the_first_sample_lacks_is_kept():
    assert list(collate_pairs([sample('a', x=1), sample('b', x=2, y=3)])['inputs']) == ['x', 'y']


def test_a_loader_finds_it_by_name():
    assert FUNCTIONS.get('fdkd.collate_pairs') is collate_pairs


def test_samples_that_are_not_packed_are_refused():
    with pytest.raises(ConfigError, match='packs nothing'):
        collate_pairs([{'sample_id': 'a', 'gt_label': 0}])
