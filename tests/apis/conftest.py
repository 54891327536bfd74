"""A fixture that several tests share."""

import pytest


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """The folder of trainings that name no work dir."""
    monkeypatch.setattr('fdkd.apis.train.WORK_DIRS', tmp_path / 'work_dirs')
    return tmp_path / 'work_dirs'
