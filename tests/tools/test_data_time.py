"""``tools/benchmark/data_time.py`` at its smallest: what it prints and writes, and how it refuses."""

import json
import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from fdkd.datasets import EpochSampler, NYUDepthV2

ROOT = Path(__file__).parents[2]
SCRIPT = 'tools/benchmark/data_time.py'


def called(*arguments):
    return subprocess.run(
        [sys.executable, SCRIPT, 'configs/fdkd/nyu_rgb_from_depth.py', *map(str, arguments)],
        cwd=ROOT, env=os.environ | {'PYTHONPATH': str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture(scope='module')
def measured(nyu_root, tmp_path_factory):
    """The output and the JSON of one repeat."""
    path = tmp_path_factory.mktemp('data_time') / 'figures.json'
    loaders = ['--batch-size', 2, '--workers', 0, '--cache', 'none', 'disk', '--repeats', 1, '--threads', 1]
    done = called('--data-root', nyu_root, '--size', '32x24', *loaders, '--json', path)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(path.read_text())


@pytest.fixture(scope='module')
def tool():
    """The script as a module."""
    spec = spec_from_file_location('data_time', ROOT / SCRIPT)
    module = module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / 'tools/benchmark')  # as for a script that is called
        spec.loader.exec_module(module)
    return module


def test_every_step_has_a_row_and_the_shares_are_whole(measured):
    output, figures = measured
    names = [row['step'] for row in figures['steps']]
    assert names == ['listing and seeding', 'LoadRGB rgb', 'LoadDepth depth', 'LoadLabelMap', 'Resize', 'RandomFlip',
                     'RandomHSV rgb', 'PackSegmentation']  # fmt: skip
    assert sum(row['share'] for row in figures['steps']) == pytest.approx(1)
    assert all(row['ms'] > 0 for row in figures['steps'])
    for row in figures['steps']:
        assert f'{row["step"]} ' in output


def test_every_loader_has_a_row_with_what_was_written(measured):
    output, figures = measured
    assert [(row['workers'], row['cache']) for row in figures['loaders']] == [(0, 'none'), (0, 'disk')]
    for row in figures['loaders']:
        assert 0 < row['waiting']['median'] < 1
        assert row['verdict'] == 'open: fewer than 6 repeats'
        assert f'{100 * row["waiting"]["median"]:.1f} [' in output
        assert f' {row["step_ms"]["median"]:.1f} ' in output
    assert figures['goal'] == 0.05


def test_a_run_goes_through_the_next_epoch(tool, nyu_root):
    dataset = NYUDepthV2(nyu_root, 'train')
    loader = DataLoader(dataset, 2, sampler=EpochSampler(dataset, seed=0), collate_fn=lambda samples: samples)
    seen = []
    for epoch in (1, 2):
        waited, worked, count = tool.run(loader, seen.append)
        assert loader.sampler.epoch == epoch
        assert count == 2
        assert waited > 0
        assert worked > 0
    assert len(seen) == 4


def test_refusals(tool, nyu_root, tmp_path):
    done = called('--data-root', nyu_root, '--json', tmp_path / 'no' / 'x.json')
    assert done.returncode == 1
    assert 'there is no such folder' in done.stderr
