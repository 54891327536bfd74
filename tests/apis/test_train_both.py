"""Whole jobs of the methods whose teacher trains too: both models are saved, scored, and trained by two processes."""

import json

import pytest
import torch

from fdkd.apis.options import RunOptions
from fdkd.apis.test import test as score
from fdkd.apis.train import train
from fdkd.errors import ConfigError
from tests.support.motions import write_configs, write_motions
from tests.support.probes import read_watch
from tests.support.processes import on_two_processes

pytestmark = pytest.mark.usefixtures('runs')


@pytest.fixture
def root(tmp_path):
    return write_motions(tmp_path / 'motions')


@pytest.mark.parametrize(('method', 'pretrained'), [('dml', False), ('c2kd', True)])
def test_both_models_are_left_behind_as_trained(method, pretrained, root, tmp_path, capsys):
    config = write_configs(tmp_path, root, method=method)
    folder = tmp_path / 'run'
    results = train(config, work_dir=folder)
    assert ('training it first' in capsys.readouterr().out) == pretrained
    for name, modality, path in (('student', 'image', config), ('teacher', 'imu', tmp_path / 'imu.py')):
        assert results[name]['modality'] == modality
        alone = score(path, folder / f'{name}.pth', work_dir=tmp_path / name)
        assert alone['student']['metrics'] == results[name]['metrics']
        meta = torch.load(folder / f'{name}.pth', weights_only=True)['meta']
        assert (meta['modality'], meta['finished']) == (modality, True)
    whole = score(config, folder / 'epoch_1.pth', work_dir=tmp_path / 'whole')
    assert whole['student']['metrics'] == results['student']['metrics']


def test_a_teacher_for_a_method_that_trains_its_own_is_refused(root, tmp_path):
    with pytest.raises(ConfigError, match=r'--teacher some\.pth: MutualDistiller trains its teacher from scratch'):
        train(write_configs(tmp_path, root, method='dml'), teacher='some.pth')


def on_rank(config, folder):
    train(config, RunOptions(batch_size=2), work_dir=folder, launcher='pytorch')


@pytest.mark.parametrize('method', ['dml', 'c2kd'])
def test_two_processes_train_both_models_where_one_has_no_pair(method, root, tmp_path):
    config = write_configs(tmp_path, root, method=method)
    if method == 'c2kd':
        train(tmp_path / 'imu.py', work_dir=tmp_path / 'teacher')
        config.write_text(
            config.read_text() + f"model['teacher']['checkpoint'] = {str(tmp_path / 'teacher/student.pth')!r}\n"
        )
    with config.open('a') as file:
        file.write("custom_imports = dict(imports=['tests.support.probes'])\n")
        file.write(
            f"custom_hooks = [dict(type='SameOnEveryRank'), dict(type='Watch', path={str(tmp_path / 'seen')!r})]\n"
        )
    for number in range(0, 12, 2):  # batches of two with two pairs, one and none
        (root / 'imu' / f'c{number:02d}.npy').unlink()
    on_two_processes(on_rank, tmp_path, config, tmp_path / 'run')
    results = json.loads((tmp_path / 'run' / 'results.json').read_text())
    assert results.keys() >= {'student', 'teacher'}
    steps = [step['losses'] for rank in range(2) for step in read_watch(tmp_path / 'seen', rank)]
    assert {'teacher.loss_ce' in losses for losses in steps} == {'pairs.loss_none' not in losses for losses in steps}
    assert any('pairs.loss_none' in losses for losses in steps)
