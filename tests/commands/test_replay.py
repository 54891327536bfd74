"""``fdkd replay``: its arguments, and how it refuses."""

import pytest

from fdkd.apis.cli import guarded
from fdkd.commands import replay


def test_arguments_reach_the_replay(calls_of):
    calls = calls_of(replay, 'replay')
    replay.main(['run/nonfinite/iter_4.pth'])
    replay.main(['iter_4.pth', '--config', 'a.py', '--unsafe-checkpoint'])
    first = (('run/nonfinite/iter_4.pth', None), {'unsafe_checkpoint': False})
    assert calls == [first, (('iter_4.pth', 'a.py'), {'unsafe_checkpoint': True})]


def test_failure_is_one_message(tmp_path):
    with pytest.raises(SystemExit, match=r'^error: .*iter_4\.pth: no such checkpoint'):
        guarded(lambda: replay.main([str(tmp_path / 'iter_4.pth')]))
