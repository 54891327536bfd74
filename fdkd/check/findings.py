"""What a check of one config found."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fdkd.errors import FdkdError


@dataclass
class Findings:
    """What was found in one config, in the order in which it was found.

    Attributes:
        config: The file, as it was given.
        mistakes: What has to be changed, each once.
        notes: What a reader should know and nobody has to change.
        taps: For each distillation loss and tap a row, see :func:`~fdkd.check.taps.tap_rows`.
        losses: Value of every part of the loss in the step.
        parameters: For student, teacher and the rest: ``total`` and ``trainable``.
        memory: Estimated bytes by kind, for the config's batch size.
        batch: ``samples`` in the step, ``config`` for those that the config asks for, and the ``shapes`` of the inputs.
        seconds: How long the check took.
    """

    config: str
    mistakes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    taps: list[dict[str, Any]] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, dict[str, int]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    batch: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def mistake(self, text: str) -> None:
        """Adds a mistake, unless it is there already."""
        if text not in self.mistakes:
            self.mistakes.append(text)

    def note(self, text: str) -> None:
        """Adds a note, unless it is there already."""
        if text not in self.notes:
            self.notes.append(text)

    @contextmanager
    def noting(self, place: str = '') -> Iterator[None]:
        """Whatever is raised within becomes a mistake at ``place``, and the check goes on after it."""
        try:
            yield
        except Exception as error:  # a config may lead any part of any library astray
            self.mistake(f'{place}: {in_short(error)}' if place else in_short(error))


def in_short(error: Exception) -> str:
    """One of fdkd's errors in its own words, any other as its kind and its first line."""
    if isinstance(error, FdkdError):
        return str(error)
    lines = str(error).strip().splitlines()
    return f'{type(error).__name__}: {lines[0]}' if lines else type(error).__name__
