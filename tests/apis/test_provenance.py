"""The call, the code and the machine, as they are on record; nothing is timed here."""

import json
import os
import sys

import mmengine
import pytest
import torch

from fdkd.apis import provenance


def test_environment_says_what_figures_depend_on(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['tools/benchmark/some.py', '--json', 'a file'])
    found = provenance.environment()
    assert found['command'] == "tools/benchmark/some.py --json 'a file'"
    assert found['threads'] == torch.get_num_threads()
    assert found['versions']['torch'] == torch.__version__
    assert found['versions']['mmengine'] == mmengine.__version__
    assert found['device']
    assert found['date'].endswith('+00:00')
    json.dumps(found, allow_nan=False)


@pytest.mark.skipif(not os.path.exists('/proc/cpuinfo') or torch.cuda.is_available(), reason='of CPUs under Linux')
def test_the_device_is_the_processors_model():
    with open('/proc/cpuinfo') as file:
        models = [line.split(':', 1)[1].strip() for line in file if line.startswith('model name')]
    if not models:
        pytest.skip('the processor has no model name')
    assert provenance.environment()['device'] == models[0]


def test_the_code_on_record_is_what_was_loaded(monkeypatch):
    loaded = {'commit': 'abc', 'modified': False}
    monkeypatch.setattr(provenance, '_CODE', loaded)
    monkeypatch.setattr(provenance, 'commit', lambda: pytest.fail('a later commit is not what runs'))
    assert {name: provenance.environment()[name] for name in loaded} == loaded


def test_the_time_counts_from_the_start(monkeypatch):
    monkeypatch.setattr(provenance, '_START', 100.0)
    monkeypatch.setattr(provenance.time, 'monotonic', lambda: 3725.06)
    assert provenance.seconds_running() == 3625.1
