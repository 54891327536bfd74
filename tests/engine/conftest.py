"""Fixtures that tests of the engine share."""

import pytest
import torch


@pytest.fixture
def on_gpu(monkeypatch):
    """Treats every tensor as if it lay on a GPU."""
    monkeypatch.setattr('fdkd.engine.deferred.worth_deferring', lambda value: isinstance(value, torch.Tensor))
