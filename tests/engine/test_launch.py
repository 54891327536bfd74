"""Joining a process group."""

import pytest

from fdkd.engine.launch import setup_distributed
from fdkd.errors import ConfigError


def test_a_launcher_that_did_not_start_this_process_is_refused(monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(ConfigError, match='--launcher pytorch, but RANK is not set'):
        setup_distributed('pytorch')
