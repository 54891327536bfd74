"""``tools/benchmark/step_time.py`` at its smallest: what it prints and writes, and how it refuses."""

import json
import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from fdkd.apis.benchmark import Interval
from fdkd.apis.cli import guarded

ROOT = Path(__file__).parents[2]
SCRIPT = 'tools/benchmark/step_time.py'


@pytest.fixture(scope='module')
def measured(tmp_path_factory):
    """The output and the JSON of one repeat."""
    path = tmp_path_factory.mktemp('step_time') / 'figures.json'
    arguments = ['--size', '32x24', '--batch-size', '2', '--repeats', '1', '--threads', '1', '--json', str(path)]
    done = subprocess.run(
        [sys.executable, SCRIPT, 'configs/fdkd/nyu_rgb_from_depth.py', *arguments],
        cwd=ROOT, env=os.environ | {'PYTHONPATH': str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(path.read_text())


@pytest.fixture(scope='module')
def tool():
    """The script as a module."""
    spec = spec_from_file_location('step_time', ROOT / SCRIPT)
    module = module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / 'tools/benchmark')  # as for a script that is called
        spec.loader.exec_module(module)
    return module


def test_ratios_are_those_of_the_recorded_seconds(measured):
    [size] = measured[1]['sizes']
    assert size['size'] == [32, 24]
    seconds = {name: values[0] for name, values in size['seconds'].items()}
    assert seconds.keys() == {'student', 'teacher', 'teacher_to_tap', 'distillation', 'plain'}
    assert size['median_seconds'] == seconds
    for step in ('distillation', 'plain'):
        for bound in ('teacher', 'teacher_to_tap'):
            expected = seconds[step] / (seconds['student'] + seconds[bound])
            ratio = size['ratio'][step][bound]
            assert ratio == pytest.approx({'median': expected, 'low': expected, 'high': expected, 'count': 1})


def test_printed_figures_are_those_written(measured):
    output, figures = measured
    [size] = figures['sizes']
    rows = [line for line in output.splitlines() if '32x24' in line]
    assert len(rows) == 5
    for row, (name, seconds) in zip(rows, size['median_seconds'].items(), strict=True):
        assert f' {1000 * seconds:.1f} ' in row
        for ratio in size['ratio'].get(name, {}).values():
            assert f' {ratio["median"]:.3f} [' in row
    assert size['verdict'] in output


def test_setting_is_recorded(measured):
    figures = measured[1]
    assert figures['config'] == 'configs/fdkd/nyu_rgb_from_depth.py'
    assert (figures['batch_size'], figures['repeats'], figures['threads'], figures['amp']) == (2, 1, 1, False)
    assert figures['goal'] == 1.1
    assert figures['command'].startswith('tools/benchmark/step_time.py configs/fdkd/nyu_rgb_from_depth.py')
    assert {'date', 'commit', 'device', 'versions', 'config_hash'} <= figures.keys()


def test_one_repeat_judges_nothing(measured):
    assert measured[1]['sizes'][0]['verdict'] == 'open: fewer than 6 repeats'


@pytest.mark.parametrize(
    ('ratio', 'expected'),
    [
        (Interval(1.05, 1.02, 1.10, 6), 'met'),
        (Interval(1.20, 1.10, 1.30, 6), 'met within noise'),
        (Interval(1.20, 1.11, 1.30, 6), 'missed'),
        (Interval(1.20, 1.11, 1.30, 5), 'open: fewer than 6 repeats'),
    ],
)
def test_lower_bound_decides(tool, ratio, expected):
    assert tool.verdict(ratio, 1.10) == expected


def test_formulations_that_differ_are_not_timed(tool):
    tool._compare({'fdkd.loss_low': 1.0}, {'fdkd.loss_low': 1.000009})
    with pytest.raises(tool.FdkdError, match=r'fdkd\.loss_low is 1\.0, but 1\.00002 in the plain formulation'):
        tool._compare({'fdkd.loss_low': 1.0}, {'fdkd.loss_low': 1.00002})


@pytest.mark.parametrize(
    ('options', 'replaceable'),
    [
        ({'align': False, 'band_task': False, 'on': 'feat', 'weight': 2.0}, True),
        ({'align': False, 'band_task': False, 'on': 'feat', 'log': False}, False),
        ({'align': False, 'on': 'feat', 'num_classes': 40, 'channels': 512}, False),
    ],
)
def test_plain_formulation_stands_in_for_what_it_computes_alone(tool, options, replaceable):
    assert tool._is_dense_fdkd({'type': 'FDKDLoss', **options}) == replaceable
    assert not tool._is_dense_fdkd({**options, 'type': 'FeatureMSELoss'})


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['configs/unimodal/nyu_rgb.py'], 'trains a SingleModality, expected a CrossModalDistiller'),
        (['--json', 'none/figures.json'], 'error: --json none/figures.json: there is no such folder'),
    ],
)
def test_refusal_is_one_message_before_anything_is_measured(tool, monkeypatch, arguments, message):
    monkeypatch.setattr(tool, 'measure', None)
    monkeypatch.setattr(sys, 'argv', [SCRIPT, *arguments])
    with pytest.raises(SystemExit, match=message):
        guarded(tool.main)


def test_batch_that_cannot_be_trained_on_is_one_message(tool, monkeypatch):
    def refuse(*_):
        raise ValueError('Expected more than 1 value per channel')

    monkeypatch.setattr(tool, 'build_tasks', refuse)
    with pytest.raises(tool.FdkdError, match='8x6, batch 1: Expected more than 1 value per channel'):
        tool.measure(None, (8, 6), batch_size=1, repeats=1, goal=1.1)
