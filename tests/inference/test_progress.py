"""A bar that only appears when it takes long, on a terminal."""

from types import SimpleNamespace

import pytest

import fdkd.inference.progress as module
from fdkd.inference.progress import patient_progress


class Bar:
    """Remembers what it was asked to do."""

    def __init__(self, console, transient, disable):
        self.calls, self.live = [], SimpleNamespace(is_started=False)
        Bar.last = self

    def add_task(self, title, total):
        self.calls.append((title, total))
        return 0

    def advance(self, task):
        self.calls.append('advance')

    def start(self):
        self.calls.append('start')
        self.live.is_started = True

    def stop(self):
        self.calls.append('stop')


@pytest.mark.parametrize(('seconds', 'starts'), [(1, 0), (3, 1)])
def test_the_bar_has_patience(monkeypatch, seconds, starts):
    now = iter(range(0, 100, seconds))
    monkeypatch.setattr(module, 'Progress', Bar)
    monkeypatch.setattr(module.time, 'monotonic', lambda: next(now))
    with patient_progress('asking', 4) as advance:
        for _ in range(4):
            advance()
    assert Bar.last.calls[0] == ('asking', 4)
    assert Bar.last.calls.count('advance') == 4
    assert Bar.last.calls.count('start') == starts
    assert Bar.last.calls[-1] == 'stop'
