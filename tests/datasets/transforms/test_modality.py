"""A transform of one modality leaves everything else alone."""

import pytest

from fdkd.datasets.transforms.modality import ModalityTransform


class Twice(ModalityTransform):
    def apply(self, value, sample_id):
        return f'{value}{value} of {sample_id}'


def test_its_modality_is_replaced_and_nothing_else():
    results = {'sample_id': 's1', 'audio': 'a', 'visual': 'v'}
    found = Twice('audio')(results)
    assert found is results
    assert found == {'sample_id': 's1', 'audio': 'aa of s1', 'visual': 'v'}


def test_a_sample_without_it_passes():
    results = {'sample_id': 's1', 'visual': 'v'}
    assert Twice('audio')(dict(results)) == results


def test_it_draws_no_numbers_unless_it_says_so_and_has_something_to_apply():
    assert Twice.random is False
    with pytest.raises(TypeError, match='abstract'):
        ModalityTransform('audio')
