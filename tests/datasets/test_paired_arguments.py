"""Which sources, classes and splits a data set can have; tests/datasets/test_paired.py has them refused by one."""

import re

import pytest

from fdkd.datasets.paired_arguments import check_classes, check_sources, check_split
from fdkd.errors import ConfigError

SOURCES = {'audio': 'audio/{id}.wav', 'words': {'text': '{caption}'}}


@pytest.mark.parametrize('optional', [(), ('audio',), ('audio', 'words', 'label')])
def test_a_pattern_or_a_text_for_each_modality(optional):
    check_sources('Pets', SOURCES, optional)


@pytest.mark.parametrize(
    ('sources', 'optional', 'message'),
    [
        ({}, (), 'Pets: sources={}, expected a pattern for each modality'),
        (['audio'], (), "Pets: sources=['audio'], expected a pattern for each modality"),
        ({**SOURCES, 3: '{id}'}, (), 'Pets: sources names the modality 3, expected text'),
        ({'words': {}}, (), 'Pets: sources.words has no keys, expected text alone'),
        ({'words': {'text': '', 'txt': ''}}, (), 'Pets: sources.words has text, txt, expected text alone'),
        (
            SOURCES,
            ('sound', 'label', 'depth'),
            'Pets: optional names depth, sound, expected some of audio, words, label',
        ),
    ],
)
def test_other_sources_are_refused(sources, optional, message):
    with pytest.raises(ConfigError, match=f'^{re.escape(message)}$'):
        check_sources('Pets', sources, optional)


@pytest.mark.parametrize('name', ['label', 'gt_label', 'present', 'sample_id', 'sample_idx', 'sample_view'])
def test_a_key_of_every_sample_is_no_modality(name):
    with pytest.raises(ConfigError, match=f'a modality cannot be called {name!r}, which a sample uses itself'):
        check_sources('Pets', {'audio': '{id}', name: '{id}'}, ())


def test_labels_lead_to_classes():
    check_classes('Pets', ('cat', 'dog'), {'kitten': 'cat', 'puppy': 'dog'})
    check_classes('Pets', ('cat',), {})


@pytest.mark.parametrize(
    ('classes', 'merge', 'message'),
    [
        ((), {}, 'Pets: classes=[] is empty or repeats a name'),
        (('cat', 'dog', 'cat'), {}, "Pets: classes=['cat', 'dog', 'cat'] is empty or repeats a name"),
        (('cat', ''), {}, 'Pets: a class has an empty name, which in a table means that a sample has no label'),
        (('cat',), {'a': 'cow', 'b': 'bee', 'c': 'cat'}, 'Pets: merge leads to bee, cow, not among the classes'),
    ],
)
def test_other_classes_are_refused(classes, merge, message):
    with pytest.raises(ConfigError, match=f'^{re.escape(message)}$'):
        check_classes('Pets', classes, merge)


@pytest.mark.parametrize(
    ('split', 'splits', 'validation'),
    [('test', ('train', 'test'), 0.0), ('val', ('train', 'val'), 0.0), ('val', ('train', 'test'), 0.5)],
)
def test_splits_that_are_there(split, splits, validation):
    check_split('Pets', split, splits, validation)


@pytest.mark.parametrize(
    ('split', 'splits', 'validation', 'message'),
    [
        ('dev', ('train', 'test'), 0.2, "Pets: split='dev', expected one of train, test"),
        (
            'val', ('train', 'test'), 0.0,
            "Pets: split='val', expected one of train, test; validation=0.2 would hold out a fifth of training as val",
        ),
        (
            'val', ('train', 'val'), 0.2,
            'Pets: validation=0.2, expected 0 where the splits (train, val) have a val already',
        ),
        *(
            ('train', ('train', 'test'), share, f'Pets: validation={share}, expected a share from 0 to below 1')
            for share in (-0.1, 1, float('nan'))
        ),
    ],
)  # fmt: skip
def test_other_splits_are_refused(split, splits, validation, message):
    with pytest.raises(ConfigError, match=f'^{re.escape(message)}$'):
        check_split('Pets', split, splits, validation)
