"""The examples in docstrings print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import fdkd

MODULES = [module.name for module in pkgutil.walk_packages(fdkd.__path__, 'fdkd.')]


@pytest.mark.parametrize('name', MODULES)
def test_examples(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0
