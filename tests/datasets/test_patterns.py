"""Patterns over columns: what they give, and what is no pattern."""

import pytest

from fdkd.datasets.patterns import Pattern
from fdkd.errors import ConfigError, DataError

ROW = {'ytid': '-0Uu', 'start': '30', 'note': ' '}


@pytest.mark.parametrize(
    ('text', 'expected', 'fields'),
    [
        ('audio/{ytid}.wav', 'audio/-0Uu.wav', ('ytid',)),
        ('{ytid}_{start:0>6}', '-0Uu_000030', ('ytid', 'start')),
        ('{ytid:.2}', '-0', ('ytid',)),
        ('{start}{start}', '3030', ('start',)),
        ('all', 'all', ()),
        ('{{x}}', '{x}', ()),
    ],
)
def test_values(text, expected, fields):
    pattern = Pattern(text, 'id')
    assert (pattern.fill(ROW), pattern.fields) == (expected, fields)


def test_unknown_columns_are_named_beside_those_there_are():
    assert Pattern('{ytid}', 'id').check(['ytid']) == []
    assert Pattern('{ytid}{split}', 'id').check(['ytid'], 'split') == []
    assert Pattern('{a}/{ytid}/{b}', 'sources.audio').check(['ytid', 'start'], 'split') == [
        "sources.audio='{a}/{ytid}/{b}' names a, b, but the columns are ytid, start"
    ]


@pytest.mark.parametrize('text', ['{ytid.__class__}', '{ytid[0]}', '{0}', '{}'])
def test_only_columns_can_be_named(text):
    assert len(Pattern(text, 'id').check(ROW)) == 1


@pytest.mark.parametrize(('text', 'lacks'), [('{ytid}', False), ('{ytid}/{note}', True), ('fixed', False)])
def test_empty_values_are_noticed(text, lacks):
    assert Pattern(text, 'id').lacks(ROW) is lacks


@pytest.mark.parametrize('text', ['{ytid', 'a}', None, 3])
def test_what_is_no_pattern(text):
    with pytest.raises(ConfigError, match=r'^label: '):
        Pattern(text, 'label')


def test_a_format_for_numbers_does_not_fit_text():
    with pytest.raises(DataError, match=r"id: '\{start:06d\}' does not fit .* padded with \{start:0>6\}"):
        Pattern('{start:06d}', 'id').fill(ROW)


def test_no_value_says_how_long_another_becomes():
    with pytest.raises(ConfigError, match='takes a format from a column'):
        Pattern('{ytid:{start}}', 'id')
