"""Inputs as a user names them, one by one: what to read of each, and what to call it."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

#: Makes, within a folder of its own where it needs one, what the pipeline's first step reads.
Opener = Callable[[Path], str]


class Shot(NamedTuple):
    """One thing that a student is asked about.

    Attributes:
        opener: Gives what is read.
        time: Seconds from the start of a video.
    """

    opener: Opener
    time: float | None = None


@dataclass(frozen=True)
class Source:
    """One input: a still, a sound, a text, or a video of many frames.

    Attributes:
        name: A file's name without its suffix, or the like; see :func:`named`.
        shown: What messages and tables call it.
        shots: Yields what the student is asked about.
        path: The file, where it is one.
        sample_id: What a data set would call it.
        count: How many shots there are; ``None`` where nobody knows.
        fps: Shots a second; ``None`` where it is one alone.
        live: Whether it is a camera, which waits for nobody.
    """

    name: str
    shown: str
    shots: Callable[[], Iterator[Shot]]
    path: Path | None = None
    sample_id: str = ''
    count: int | None = 1
    fps: float | None = None
    live: bool = False


def single(name: str, shown: str, opener: Opener, path: Path | None = None) -> Source:
    """A source of one shot."""
    return Source(name, shown, lambda: iter([Shot(opener)]), path, sample_id=name)


def named(sources: Sequence[Source]) -> list[Source]:
    """The same with names of which no two are equal, also where letter case does not count.

    Files of one name in different folders get the folder's name before theirs; what is still equal gets a number.
    """
    counts = Counter(source.name.casefold() for source in sources)
    names = [
        f'{source.path.absolute().parent.name}_{source.name}'
        if counts[source.name.casefold()] > 1 and source.path
        else source.name
        for source in sources
    ]
    counts, taken, unique = Counter(name.casefold() for name in names), {name.casefold() for name in names}, []
    numbers: Counter[str] = Counter()
    for name in names:
        new = name
        while counts[name.casefold()] > 1 and new.casefold() in taken:
            numbers[name.casefold()] += 1
            new = f'{name}-{numbers[name.casefold()]}'
        taken.add(new.casefold())
        unique.append(new)
    return [replace(source, name=name) for source, name in zip(sources, unique, strict=True)]


@contextmanager
def room() -> Iterator[Callable[[], Path]]:
    """A folder for what is written to be read once; gives places in it of which none exists yet."""
    with tempfile.TemporaryDirectory(prefix='fdkd-') as folder:
        number = 0

        def place() -> Path:
            nonlocal number
            number += 1
            return Path(folder, str(number))

        yield place


def clear(place: Path) -> None:
    """Removes what an opener wrote to a place."""
    shutil.rmtree(place, ignore_errors=True)
