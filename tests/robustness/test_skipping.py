"""Trainings on data of which some files are damaged, from the command's options to the printed table."""

import json
from dataclasses import replace

import pytest
import torch

from fdkd.apis.options import RunOptions
from fdkd.apis.train import train
from fdkd.errors import DataError
from tests.support.motions import write_configs, write_motions

SKIP = RunOptions(on_error='skip', epochs=2)


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr('fdkd.apis.train.WORK_DIRS', tmp_path / 'work_dirs')
    return tmp_path / 'work_dirs'


@pytest.fixture
def root(tmp_path):
    return write_motions(tmp_path / 'motions')


@pytest.fixture
def config(tmp_path, root):
    return write_configs(tmp_path, root, method='logit')


def weights(folder):
    return torch.load(folder / 'student.pth', weights_only=True)['state_dict']


def same_weights(one, other):
    return all(torch.equal(x, other[name]) for name, x in one.items())


def warnings(folder):
    lines = '\n'.join(path.read_text() for path in folder.glob('*/*.log')).splitlines()
    return [line.partition('WARNING - ')[2] for line in lines if 'cannot be read' in line]


def test_a_student_is_trained_around_a_damaged_picture(config, root, tmp_path, capsys):
    path, folder = root / 'image' / 'c05.png', tmp_path / 'run'
    whole = path.read_bytes()
    path.write_bytes(b'no picture')
    results = train(config, SKIP, work_dir=folder, teacher='untrained')
    said = results['skipped']
    assert (said['number'], said['of'], list(said['samples'])) == (1, 12, ['c05'])
    assert json.loads((folder / 'results.json').read_text())['skipped'] == said
    assert ', 1 of 12 training samples unreadable |' in capsys.readouterr().out
    [warning] = warnings(folder)  # in two epochs
    assert warning.startswith(f'training sample c05 cannot be read: {root}/image/c05.png: unreadable')

    # What the frozen teacher gave is kept under the place of the one that stands in: the very same weights.
    kept = replace(SKIP, cache='ram', cache_teacher=str(tmp_path / 'cache'))
    train(config, kept, work_dir=tmp_path / 'kept', teacher='untrained')
    assert same_weights(weights(folder), weights(tmp_path / 'kept'))

    assert torch.load(folder / 'student.pth', weights_only=True)['meta']['skipped'] == 1
    path.write_bytes(whole)  # too late for the weights
    assert train(config, SKIP, work_dir=folder, teacher='untrained', resume=True)['skipped'] == said
    raising = replace(SKIP, on_error='raise')
    assert train(config, raising, work_dir=folder, teacher='untrained', resume=True)['skipped'] == said
    assert json.loads((folder / 'results.json').read_text())['skipped'] == said
    assert torch.load(folder / 'student.pth', weights_only=True)['meta']['skipped'] == 1
    assert 'skipped' not in train(config, replace(raising, epochs=1), work_dir=tmp_path / 'new', teacher='untrained')


def test_a_damaged_file_of_the_teacher_costs_its_lesson_and_not_the_sample(config, root, tmp_path):
    (root / 'imu' / 'c05.npy').write_bytes(b'no array')
    said = train(config, replace(SKIP, epochs=1), work_dir=tmp_path / 'damaged', teacher='untrained')['skipped']
    assert said['samples']['c05'].endswith('; used without its imu')
    (root / 'imu' / 'c05.npy').unlink()
    train(config, RunOptions(epochs=1), work_dir=tmp_path / 'absent', teacher='untrained')
    assert same_weights(weights(tmp_path / 'damaged'), weights(tmp_path / 'absent'))


def test_more_than_the_limit_stops_and_leaves_no_results(config, root, tmp_path):
    for name in ('c05', 'c08'):
        (root / 'image' / f'{name}.png').write_bytes(b'no picture')
    with pytest.raises(DataError, match=r'2 of 12 training samples cannot be read') as caught:
        train(config, SKIP, work_dir=tmp_path / 'run', teacher='untrained')
    assert all(f'{name}.png: unreadable' in str(caught.value) for name in ('c05', 'c08'))
    assert not (tmp_path / 'run' / 'results.json').exists()
    assert not list((tmp_path / 'run').glob('*.pth'))
