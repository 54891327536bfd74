"""What a terminal would obey is shown instead, and all else is as it was."""

import pytest

from fdkd.printable import printable


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('clip\x1b[2J.wav', r'clip\x1b[2J.wav'),
        ('\x9b2J', r'\x9b2J'),
        ('a\rb\x07\x08\x7f\0', r'a\rb\x07\x08\x7f\x00'),
        ('gpj.\u202egnp', r'gpj.\u202egnp'),
        ('\u2066\u2069\u200f', r'\u2066\u2069\u200f'),
        ('\udcff', r'\udcff'),
    ],
)
def test_what_is_obeyed_is_shown(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


@pytest.mark.parametrize('text', ['', 'a\tb\nc', 'é 日本 🎈 – ✓ שלום', r'a\x1b', '\xa0\u3000\u2028'])
def test_what_is_not_stays(text):
    assert printable(text) == text
