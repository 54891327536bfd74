"""Text that came from files, made fit for a terminal."""

import re

#: Control characters other than tab and line feed, marks that reverse the direction of writing, halves of characters.
_OBEYED = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]')


def printable(text: str) -> str:
    r"""``text`` with what a terminal would obey, or could not encode, as an escape.

    The names of files and samples come from others, and a terminal that prints them takes some characters for orders:
    to move the cursor over what was said before, to set the window's title, to answer as if something had been typed.

    Example:
        >>> print(printable('clip\x1b[2J.wav'))
        clip\x1b[2J.wav
    """
    return _OBEYED.sub(lambda match: ascii(match[0])[1:-1], text)
