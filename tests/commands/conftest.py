"""A fixture that the tests of most commands share."""

import pytest


@pytest.fixture
def calls_of(monkeypatch):
    """A function that puts another in the place of ``module.name`` and returns its calls, each ``(args, kwargs)``."""

    def replace(module, name, result=None):
        calls = []

        def called(*args, **kwargs):
            calls.append((args, kwargs))
            return result

        monkeypatch.setattr(module, name, called)
        return calls

    return replace
