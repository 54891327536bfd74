"""Runs a tool as a user does, in this process, and checks how it refuses what it cannot use."""

import io
import os
import runpy
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from mmengine.logging import MMLogger

from fdkd.registry import DATASETS, HOOKS, MODELS
from tests.support.repository import REPOSITORY

#: Lines that a message may take.
LINES = 12


class Bad(NamedTuple):
    """One bad input.

    Attributes:
        name: What it is, in a few words.
        breaks: Breaks a :class:`~tests.robustness.bad.place.Place` and returns the command, the tool first.
        says: What the message has to hold.
        status: The exit status.
    """

    name: str
    breaks: Callable[[Any], Sequence[Any]]
    says: Sequence[str]
    status: int = 1


def run_tool(words):
    """Runs ``tools/WORDS[0].py`` with the other words; returns its exit status and says on stderr what it ends with."""
    path = REPOSITORY / 'tools' / f'{words[0]}.py'
    MMLogger._instance_dict.clear()  # two runs within a second have one name, and the first one's stream is closed
    argv, imports = sys.argv, list(sys.path)
    sys.argv, sys.path[:0] = [path.name, *map(str, words[1:])], [str(path.parent)]
    try:
        with _signals_kept(), _registries_kept():
            runpy.run_path(str(path), run_name='__main__')
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return int(end.code or 0)
    finally:
        sys.argv, sys.path[:] = argv, imports
    return 0


def refuses(bad, place, capsys):
    """Fails unless the tool refuses what ``bad`` broke, in words that help, and leaves everything as it was."""
    words = bad.breaks(place)
    before = place.state()
    capsys.readouterr()
    status = run_tool(words)
    out, err = capsys.readouterr()
    judge(bad, status, out, err)
    changes = _changes(before, place.state())
    assert not changes, changes


def judge(bad, status, out, err):
    """Fails unless this is how a tool refuses ``bad``."""
    said = err if err.strip() else out
    assert status == bad.status, f'{status}\n{said}'
    assert 'Traceback' not in err, err
    if status == 2:  # of argparse, whose message is the last line
        err = err.strip().splitlines()[-1]
    assert len(err.strip().splitlines()) <= LINES, err
    told = ' '.join(f'{out}\n{err}'.split())
    for words in bad.says:
        assert words in told, f'{words!r} is not in\n{told}'


def refuses_in_a_child(bad, place, limit):
    """As :func:`refuses`, in a process, where ``limit`` is called first. What ``bad`` breaks, it breaks there."""
    before = place.state()
    status, said = in_a_child(lambda: run_tool(bad.breaks(place)), limit)
    judge(bad, status, '', said)
    changes = _changes(before, place.state())
    assert not changes, changes


def _changes(before, after):
    """The files that are new, gone or changed."""
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def in_a_child(function, limit=lambda: None):
    """The exit status that ``function`` returns in a forked process, and what it says there on stderr."""
    with tempfile.TemporaryFile('w+') as told:
        if not (child := os.fork()):
            _run_and_exit(function, limit, told)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        told.seek(0)
        return status, told.read()


def _run_and_exit(function, limit, told):
    status = 99
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    try:
        limit()
        status = function()
    except BaseException:
        traceback.print_exc(file=sys.stderr)
    finally:
        said = sys.stderr.getvalue()
        os.write(told.fileno(), said.encode()[:1000])  # below any limit
        os._exit(status)


@contextmanager
def _signals_kept():
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextmanager
def _registries_kept():
    """Takes out what scripts have registered, as modules or as ``__main__``, so that they can once more."""
    kept = [(registry, _of_scripts(registry)) for registry in (DATASETS, HOOKS, MODELS)]
    try:
        yield
    finally:
        for registry, parts in kept:
            _of_scripts(registry)
            registry.module_dict.update(parts)


def _of_scripts(registry):
    parts = {name: part for name, part in registry.module_dict.items() if '.' not in part.__module__}
    for name in parts:
        del registry.module_dict[name]
    return parts
