"""``tools/benchmark/scaling.py`` at its smallest, and the model by hand."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from fdkd.apis.cli import guarded

ROOT = Path(__file__).parents[2]
SCRIPT = 'tools/benchmark/scaling.py'


@pytest.fixture(scope='module')
def measured(tmp_path_factory):
    """The output and the JSON of two repeats on two processes."""
    path = tmp_path_factory.mktemp('scaling') / 'figures.json'
    arguments = ['--size', '32x24', '--batch-size', '2', '--repeats', '2', '--json', str(path)]
    done = subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        cwd=ROOT, env=os.environ | {'PYTHONPATH': str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(path.read_text())


@pytest.fixture(scope='module')
def tool():
    """The script as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / 'tools/benchmark')  # as for a script that is called
        return import_module('scaling')


@pytest.fixture(scope='module')
def model(tool):
    return sys.modules['scaling_model']


def test_everything_is_timed_and_printed(measured):
    output, figures = measured
    assert set(figures['seconds']) == {'one', 'apart', 'together', 'averaging'}
    assert all(len(values) == 2 and min(values) > 0 for values in figures['seconds'].values())
    assert (figures['processes'], figures['threads'], figures['backend'], figures['size']) == (2, 1, 'gloo', [32, 24])
    assert 40e6 < figures['gradient_bytes'] < 60e6  # 12.5 million parameters in float32
    for name, seconds in figures['median_seconds'].items():
        assert f' {1000 * seconds:.1f} ' in output, name
    assert f' {figures["ratio"]["throughput"]["median"]:.3f} [' in output


def test_figures_by_hand(tool):
    seconds = {'one': [1.0, 2.0], 'apart': [1.5, 3.0], 'together': [2.0, 4.0], 'averaging': [1.0, 2.0]}
    figures = tool.figures_of(seconds, processes=3)
    assert figures['median_seconds'] == {'one': 1.5, 'apart': 2.25, 'together': 3.0, 'averaging': 1.5}
    ratios = {name: ratio['median'] for name, ratio in figures['ratio'].items()}
    assert ratios == {'one': 1, 'apart': 1.5, 'together': 2, 'averaging': 1, 'throughput': 1.5}
    assert figures['hidden']['median'] == 0.5


def test_the_model_by_hand(model):
    machine = model.Machine(per_node=4, within_node=8e9, between_nodes=1e9, latency=0.0, bucket=2 * 10**9)
    case = model.Case('', 1e9, 1e9, 6e9, 2e9, batch_size=2, speed=1e9, shared_by=0)
    assert model.modelled_step(case, 1, machine) == (18, 0, 0, 0)
    # 4 GPUs: 2 * 3/4 of 4 GB and 3/4 of 8 GB at 8 GB/s; half of the all-reduce, its second bucket, follows backward
    assert model.modelled_step(case, 4, machine) == (18, 0.75, 0.75, 0.375)
    # 8 GPUs: 7 GB each at 1 GB/s. 4 s of backward hide 3.5 of the all-reduce, 12 s of the teacher all of the gathering
    step = model.modelled_step(case, 8, machine)
    assert step == (18, 7, 7, 3.5)
    assert step.efficiency == 18 / 21.5
    slow = machine._replace(between_nodes=0.5e9)
    assert model.modelled_step(case, 8, slow) == (18, 14, 14, 10 + 2)  # beyond 4 s of backward and 12 s of teacher
    assert model.modelled_step(case._replace(shared_by=4), 8, slow).gather == 0.75
    assert model.modelled_step(case, 8, machine._replace(latency=0.5)).reduce == 7 + 2 * 2 * 3 * 0.5


def test_the_page_shows_the_table_of_the_model(model):
    page = (ROOT / 'docs/scaling.md').read_text()
    assert model.model_table() in page


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--processes', '1'], 'expected at least two'),
        (['--json', 'none/figures.json'], 'error: --json none/figures.json: there is no such folder'),
        (['configs/unimodal/nyu_rgb.py'], 'trains a SingleModality'),
    ],
)
def test_refusal_is_one_message_before_anything_is_measured(tool, monkeypatch, arguments, message):
    monkeypatch.setattr(tool, 'measure', None)
    monkeypatch.setattr(sys, 'argv', [SCRIPT, *arguments])
    with pytest.raises(SystemExit, match=message):
        guarded(tool.main)
