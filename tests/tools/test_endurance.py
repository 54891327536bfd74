"""``tools/benchmark/endurance.py``: what counts as growth, what is looked at, and a short run of it."""

import json
import os
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from fdkd.errors import FdkdError
from tests.support.motions import write_configs, write_motions


@pytest.fixture(scope='module')
def tool():
    """The script as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / 'tools/benchmark')
        yield import_module('endurance')


def looks(tool, **columns):
    """A look at every 20th of 2,000 iterations, at figures that stay unless given."""
    values = np.tile(np.array([20.0, 1000, 10, 3, 1, 5, 100]), (100, 1))
    values[:, 0] = np.arange(20, 2001, 20)
    for name, column in columns.items():
        values[:, 1 + list(tool.FIGURES).index(name)] = column
    return values.tolist()


def test_what_stays_does_not_grow(tool):
    noisy = 1000 + np.random.default_rng(0).normal(0, 30, 100)
    found = tool.growth(looks(tool, memory=noisy))
    assert found['iterations'] == [420, 2000]
    assert found['count'] == 80
    assert not any(figure['grows'] for figure in found['figures'].values())
    low, high = found['figures']['memory']['per_1000'][1:]
    assert low < 0 < high
    assert found['figures']['threads'] == {'first': 3, 'last': 3, 'per_1000': [0, 0, 0], 'grows': False}


def test_a_leak_is_seen_below_the_noise_and_the_warm_up_is_not(tool):
    generator, iterations = np.random.default_rng(0), np.arange(20, 2001, 20)
    leak = 1000 + 0.02 * iterations + generator.normal(0, 10, 100)  # 32 MiB in the part that counts
    warm = np.where(iterations <= 400, iterations, 1000) + generator.normal(0, 10, 100)
    found = tool.growth(looks(tool, memory=leak))['figures']['memory']
    assert found['grows']
    assert found['per_1000'][0] == pytest.approx(20, abs=3)
    assert found['per_1000'][1] < 20 < found['per_1000'][2]
    assert not tool.growth(looks(tool, memory=warm))['figures']['memory']['grows']


def test_a_certain_growth_of_less_than_a_hundredth_is_let_pass(tool):
    values = 1000 + 0.005 * np.arange(20, 2001, 20)
    found = tool.growth(looks(tool, memory=values))['figures']['memory']
    assert found['per_1000'] == pytest.approx([5, 5, 5])
    assert not found['grows']


def test_too_few_looks(tool):
    with pytest.raises(FdkdError, match='9 looks after the warm-up, expected 10: train longer or lower --every'):
        tool.growth(looks(tool)[:11])


def test_a_look_counts_files_threads_and_processes(tool, tmp_path):
    (tmp_path / 'a').write_bytes(b'0' * 2**20)
    before = dict(zip(tool.FIGURES, tool.look(tmp_path), strict=True))
    assert (before['files of the run'], before['disk']) == (1, 1)
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait)
    thread.start()
    child = subprocess.Popen(['sleep', '60'])
    descriptor = os.open(tmp_path / 'a', os.O_RDONLY)
    after = dict(zip(tool.FIGURES, tool.look(tmp_path), strict=True))
    os.close(descriptor)
    child.kill()
    child.wait()
    go_on.set()
    thread.join()
    assert after['processes'] == before['processes'] + 1
    assert after['threads'] == before['threads'] + 2
    assert after['open files'] >= before['open files'] + 2  # its own, and those of the child


def test_a_run(tool, tmp_path, monkeypatch, capsys):
    config = write_configs(tmp_path, write_motions(tmp_path / 'motions'))
    arguments = ['--every', '1', '--epochs', '5', '--work-dir', 'run', '--json', 'found.json']
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['endurance.py', str(config), *arguments])
    tool.main()
    found = json.loads(Path('found.json').read_text())
    assert [look[0] for look in found['looks']] == list(range(1, 16))
    assert found['iterations'] == [4, 15]
    assert set(found['figures']) == set(tool.FIGURES)
    assert found['figures']['memory']['last'] > 50
    assert 'iterations 4 to 15, 12 looks' in capsys.readouterr().out
