"""The call, the code and the machine, as they are on record; nothing is timed here."""

import json
import os
import subprocess
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
    monkeypatch.setattr(provenance, '_commit', lambda: pytest.fail('a later commit is not what runs'))
    assert {name: provenance.environment()[name] for name in loaded} == loaded


def test_the_time_counts_from_the_start(monkeypatch):
    monkeypatch.setattr(provenance, '_START', 100.0)
    monkeypatch.setattr(provenance.time, 'monotonic', lambda: 3725.06)
    assert provenance.seconds_running() == 3625.1


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository of its own with a package ``fdkd``, from which the module seems to run; returns a caller of git."""
    (tmp_path / 'fdkd' / 'apis').mkdir(parents=True)
    (tmp_path / 'fdkd' / 'apis' / 'provenance.py').write_text('')
    monkeypatch.setattr(provenance, '__file__', str(tmp_path / 'fdkd' / 'apis' / 'provenance.py'))
    for name in [name for name in os.environ if name.startswith('GIT_')]:
        monkeypatch.delenv(name)
    identity = ['-c', 'user.name=a', '-c', 'user.email=a@b.c', '-c', 'core.hooksPath=/dev/null']

    def git(*arguments):
        return subprocess.check_output(['git', *identity, *arguments], cwd=tmp_path, text=True).strip()

    git('init', '-q')
    git('add', '.')
    git('commit', '-qm', 'a')
    return git


def test_commit_of_a_checkout_and_whether_it_was_modified(checkout, tmp_path):
    head = checkout('rev-parse', 'HEAD')
    assert provenance._commit() == {'commit': head, 'modified': False}
    (tmp_path / 'fdkd' / 'apis' / 'provenance.py').write_text('changed')
    assert provenance._commit() == {'commit': head, 'modified': True}


def test_no_commit_outside_a_checkout(checkout, tmp_path, monkeypatch):
    installed = tmp_path / 'env' / 'site-packages' / 'fdkd' / 'apis'
    installed.mkdir(parents=True)
    monkeypatch.setattr(provenance, '__file__', str(installed / 'provenance.py'))
    assert provenance._commit() == {'commit': None, 'modified': None}
    monkeypatch.setenv('PATH', '')
    assert provenance._commit() == {'commit': None, 'modified': None}
