"""Format patterns over the columns of a table: ``'audio/{id}.wav'``, ``'{ytid}_{start:0>6}'``."""

import string
from collections.abc import Iterable, Mapping
from typing import Any

from fdkd.errors import ConfigError, DataError


class Pattern:
    """A format string whose fields are names of columns.

    Values are text, so that a number is padded with ``{start:0>6}`` and cut with ``{id:.4}``.

    Args:
        text: The format string.
        purpose: What the pattern is for, said in errors.

    Attributes:
        fields: The columns that it names.

    Raises:
        ConfigError: If ``text`` is no format string, or one with a field within a format.
    """

    def __init__(self, text: Any, purpose: str) -> None:
        self.text, self.purpose = text, purpose
        if not isinstance(text, str):
            raise ConfigError(f"{purpose}: {text!r}, expected a pattern such as '{{id}}'")
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise ConfigError(f'{purpose}: {text!r} is no pattern ({error})') from error
        if any('{' in (spec or '') for _, _, spec, _ in parts):  # a value could ask for a text of any length
            raise ConfigError(f'{purpose}: {text!r} takes a format from a column, expected one such as {{start:0>6}}')
        self.fields = tuple(dict.fromkeys(name for _, name, _, _ in parts if name is not None))

    def check(self, columns: Iterable[str], *extra: str) -> list[str]:
        """A sentence if the pattern names anything but ``columns`` and ``extra`` names."""
        columns = list(columns)
        unknown = [name for name in self.fields if name not in (*columns, *extra)]
        if not unknown:
            return []
        return [f'{self.purpose}={self.text!r} names {", ".join(unknown)}, but the columns are {", ".join(columns)}']

    def fill(self, row: Mapping[str, str]) -> str:
        """The text with the row's values.

        Raises:
            DataError: If a value does not take its field's format.
        """
        try:
            return self.text.format_map(row)
        except (KeyError, ValueError, IndexError, AttributeError, MemoryError) as error:
            raise DataError(
                f'{self.purpose}: {self.text!r} does not fit {dict(row)} ({error}); values are text, '
                f'so a number is padded with {{start:0>6}}'
            ) from error

    def lacks(self, row: Mapping[str, str]) -> bool:
        """Whether one of the row's values that the pattern needs is empty."""
        return any(not row[name].strip() for name in self.fields)
