"""What a check of one config found."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fdkd.errors import ConfigError, FdkdError


class CertainMistake(ConfigError):
    """What is wrong with a config whatever the arrays are like that a check had to assume."""


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
        schedule: What trains the student, and for how long.
        seconds: How long the check took.
        assumed: By modality the shape of arrays that were made up without one having been seen.
    """

    config: str
    mistakes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    taps: list[dict[str, Any]] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, dict[str, int]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    batch: dict[str, Any] = field(default_factory=dict)
    schedule: str = ''
    seconds: float = 0.0
    assumed: dict[str, list[int]] = field(default_factory=dict)

    def mistake(self, text: str) -> None:
        """Adds a mistake, unless it is there already."""
        if text not in self.mistakes:
            self.mistakes.append(text)

    def note(self, text: str) -> None:
        """Adds a note, unless it is there already."""
        if text not in self.notes:
            self.notes.append(text)

    def doubt(self, text: str, *modalities: str) -> None:
        """Adds what a step on made-up values shows: a mistake, or a note where it may lie in what was :attr:`assumed`.

        Args:
            text: What it shows.
            modalities: What it depends on; none for all.
        """
        shapes = [f'{name} {s}' for name, s in self.assumed.items() if not modalities or name in modalities]
        if shapes:
            self.note(f'{text} (with {", ".join(shapes)}, which is assumed)')
        else:
            self.mistake(text)

    @contextmanager
    def noting(self, place: str = '') -> Iterator[None]:
        """Whatever is raised within becomes a mistake at ``place``, and the check goes on after it."""
        try:
            yield
        except Exception as error:  # a config may lead any part of any library astray
            self.mistake(_placed(place, error))

    @contextmanager
    def doubting(self, place: str = '', *modalities: str) -> Iterator[None]:
        """As :meth:`noting`, of what depends on the values of ``modalities``: it is entered by :meth:`failed`."""
        try:
            yield
        except Exception as error:
            self.failed(error, place, *modalities)

    def failed(self, error: Exception, place: str = '', *modalities: str) -> None:
        """Enters an error by :meth:`doubt`, or a :class:`CertainMistake` as one."""
        if isinstance(error, CertainMistake):
            self.mistake(_placed(place, error))
        else:
            self.doubt(_placed(place, error), *modalities)


@contextmanager
def building() -> Iterator[None]:
    """Whatever is raised within becomes a :class:`CertainMistake`: nothing is run yet on what is assumed."""
    try:
        yield
    except Exception as error:
        raise CertainMistake(in_short(error)) from error


def _placed(place: str, error: Exception) -> str:
    return f'{place}: {in_short(error)}' if place else in_short(error)


def in_short(error: Exception) -> str:
    """One of fdkd's errors in its own words, any other as its kind and its first line."""
    if isinstance(error, FdkdError):
        return str(error)
    lines = str(error).strip().splitlines()
    return f'{type(error).__name__}: {lines[0]}' if lines else type(error).__name__
