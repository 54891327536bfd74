"""Trying a reader with whatever bytes: what may come of it, and how good files are spoilt."""

import json
import os
import resource
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from fdkd.errors import FdkdError

#: How many times as many inputs as in the usual run.
FACTOR = max(1, int(os.environ.get('FDKD_FUZZ', '1')))
#: How many inputs each reader was given, and how many of these it refused.
TRIED: dict[str, list[int]] = defaultdict(lambda: [0, 0])
#: How much more memory a reader may take, and how long all inputs of one test.
MEMORY, SECONDS = 2**30, 120

#: What a reader that was right or refused gives in the second case.
REFUSED = object()


def tries(number: int) -> settings:
    """Lets a test try so many inputs, or a multiple."""
    return settings(max_examples=number * FACTOR)


def right_or_refused(name: str, read: Callable[[], Any], *names: str | Path) -> Any:
    """What ``read`` gives, or :data:`REFUSED` where it raised an error of fdkd that has one of ``names`` in it.

    Any other error goes on to the test.
    """
    TRIED[name][0] += 1
    try:
        return read()
    except FdkdError as error:
        TRIED[name][1] += 1
        if not any(str(word) in str(error) for word in names):
            pytest.fail(f'{error!r} names none of {names}')
        return REFUSED


@contextmanager
def limited() -> Iterator[None]:
    """Lets memory grow by :data:`MEMORY` and the block last :data:`SECONDS` times :data:`FACTOR`."""

    def stop(number: int, frame: Any) -> None:
        pytest.fail(f'a reader hangs: not done after {SECONDS * FACTOR} s')

    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))
    handler = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS * FACTOR)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, (before, hard))


@st.composite
def spoilt(draw: st.DrawFn, contents: st.SearchStrategy[bytes], head: int = 64) -> bytes:
    """One of ``contents`` with one to five changes, half of them among its first ``head`` bytes.

    Bits are flipped, and stretches cut out, doubled, moved, or overwritten with zeros, ones or any bytes; or the end
    is cut off.
    """
    data = bytearray(draw(contents))
    for _ in range(draw(st.integers(1, 5))):
        reach = head if draw(st.booleans()) else len(data)
        place = draw(st.integers(0, max(0, min(reach, len(data)) - 1)))
        length = draw(st.sampled_from((1, 2, 4, 8, 64, 4096)))
        match draw(st.integers(0, 6)):
            case 0:
                del data[place:]
            case 1:
                del data[place : place + length]
            case 2:
                data[place:place] = data[place : place + length]
            case 3:
                moved = data[place : place + length]
                del data[place : place + length]
                goal = draw(st.integers(0, len(data)))
                data[goal:goal] = moved
            case 4:
                data[place : place + length] = draw(st.sampled_from((b'\0', b'\xff', b'\x7f'))) * min(length, 8)
            case 5:
                new = draw(st.binary(min_size=1, max_size=8))
                data[place : place + len(new)] = new
            case 6 if data:
                data[place] ^= 1 << draw(st.integers(0, 7))
    return bytes(data)


#: What may stand in the place of another value of a JSON document.
ODD = st.sampled_from(
    [None, True, -1, 0, 1.5, 2**40, 10**400, '', 'float32', '__name__', [], [-1], ['a'], {}, {'a': []}]
)


@st.composite
def odd_json(draw: st.DrawFn, document: bytes) -> bytes:
    """The JSON ``document`` with one or two of its values exchanged for another or taken out."""
    found = json.loads(document)
    for _ in range(draw(st.integers(1, 2))):
        places = [path for path in _places(found) if path]
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        node = found
        for key in way:
            node = node[key]
        if draw(st.booleans()):
            node[last] = draw(ODD)
        else:
            del node[last]
    return json.dumps(found).encode()


def _places(node: Any, path: tuple = ()) -> Iterator[tuple]:
    """The way to every value of a document."""
    yield path
    if isinstance(node, (dict, list)):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _places(value, (*path, key))
