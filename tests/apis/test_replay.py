"""Trainings that blow up, and their last step repeated from what they left."""

import math
import shutil

import numpy as np
import pytest
import torch
from torch import nn

from fdkd.apis.cli import guarded
from fdkd.apis.options import RunOptions
from fdkd.apis.replay import replay
from fdkd.apis.train import train
from fdkd.commands import replay as command
from fdkd.errors import CheckpointError, NonFiniteLossError
from fdkd.registry import DISTILL_LOSSES
from tests.support.motions import write_configs, write_motions


@DISTILL_LOSSES.register_module()
class Nothing(nn.Module):
    """0 for whatever it sees: by its logarithm, or by a root whose gradient there is not finite."""

    def __init__(self, root=False):
        super().__init__()
        self.root = root

    def forward(self, student, teacher, target=None):
        nothing = (student - student.detach()).square().sum(1)
        return {'loss_nothing': (nothing.sqrt() if self.root else nothing.log()).mean()}


def blow_up(config, folder, teacher=None, **changes):
    """What a training says at its end, and the file that it leaves."""
    with pytest.raises(NonFiniteLossError) as error:
        train(config, RunOptions(epochs=2, cfg_options=changes), work_dir=folder, teacher=teacher)
    (file,) = (folder / 'nonfinite').iterdir()
    return str(error.value), file


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('replay')
    write_motions(folder / 'motions')
    return folder


@pytest.fixture(scope='module')
def poisoned(folder):
    """A sample whose values are finite, but not their squares."""
    write_configs(folder, folder / 'motions')
    path = folder / 'motions' / 'imu' / 'c03.npy'
    whole = np.load(path)
    spoilt = whole.copy()
    spoilt[2, 5] = 3e38
    np.save(path, spoilt)
    blown = blow_up(folder / 'imu.py', folder / 'poisoned')
    np.save(path, whole)
    return blown


def test_a_poisoned_sample_is_found_by_the_command(poisoned, folder, capsys):
    said, file = poisoned
    shutil.move(folder / 'motions', folder / 'gone')  # no data set is needed
    try:
        guarded(lambda: command.main([str(file)]))
    finally:
        shutil.move(folder / 'gone', folder / 'motions')
    printed = capsys.readouterr().out
    assert 'c03' in said.partition('samples: ')[2].partition('. Lower')[0].split(', ')
    assert 'repeated bit for bit' in printed
    assert 'NOT' not in printed
    assert 'input imu: all finite, max |x| = 3e+38 (sample c03)' in printed
    assert 'weights before the step: all finite' in printed
    assert 'first non-finite output: none' in printed
    assert 'first NaN of the backward pass: NativeBatchNormBackward0, of ' in printed
    assert 'after a finite gradient at the output of student.backbone.bn1' in printed
    assert 'gradients that are not finite: student.backbone.conv1.weight' in printed


def test_both_models_of_a_mutual_training_and_a_rate_that_is_too_high(folder):
    config = write_configs(folder, folder / 'motions', method='dml')
    _, file = blow_up(config, folder / 'rate', **{'optim_wrapper.optimizer.lr': 1e12})
    shown = replay(file)
    assert shown.same
    assert math.isnan(shown.losses['loss'])
    assert shown.trace.first.inputs_finite
    assert shown.trace.first.largest > 1e19
    assert any(name.startswith('teacher.') for name in shown.gradients)
    # The largest values show that it is not the data.
    assert all(x.broken == 0 and x.largest < 1e3 for x in shown.inputs.values())


@pytest.fixture(scope='module')
def rooted(folder):
    """A loss that is finite while its gradient is not, with a teacher that has random weights."""
    config = write_configs(folder, folder / 'motions', method='feat')
    with config.open('a') as file:
        file.write("model['losses']['mine'] = dict(type='Nothing', on='feat', root=True)\n")
    return blow_up(config, folder / 'rooted', teacher='untrained')


def test_a_gradient_is_followed_to_the_line_of_code(rooted, capsys):
    said, file = rooted
    assert 'the gradients of 60 of 62 parameters are not finite at iteration 1 (epoch 1) (student.backbone' in said
    shown = replay(file)
    assert shown.same
    assert shown.losses['mine.loss_nothing'] == 0
    assert shown.trace.first is None
    assert len(shown.gradients) == 60
    assert 'tests/apis/test_replay.py, line' in shown.trace.function
    printed = capsys.readouterr().out
    assert 'first non-finite output: none' in printed
    assert 'after a finite gradient at the output of terms.losses.mine' in printed
    assert ' and 56 more' in printed


def test_another_step_is_not_called_the_same(rooted, tmp_path, capsys):
    content = torch.load(rooted[1], weights_only=True)
    content['finding']['losses']['loss_ce'] += 1e-7
    torch.save(content, tmp_path / 'changed.pth')
    assert not replay(tmp_path / 'changed.pth', rooted[1].parents[1] / 'image_from_imu.py').same
    assert 'NOT repeated bit for bit' in capsys.readouterr().out
    content['step']['state_dict']['student.backbone.conv1.weight'][0, 0, 0, 0] = math.nan
    torch.save(content, tmp_path / 'changed.pth')
    shown = replay(tmp_path / 'changed.pth', rooted[1].parents[1] / 'image_from_imu.py')
    assert shown.weights == ['student.backbone.conv1.weight']
    assert shown.trace.first[:3] == ('student.backbone.conv1', 'Conv2d', False)
    assert 'weights before the step: not finite: student.backbone.conv1.weight' in capsys.readouterr().out


def test_a_logarithm_of_zero_is_a_loss_that_is_not_finite(folder):
    config = write_configs(folder, folder / 'motions', method='feat')
    with config.open('a') as file:
        file.write("model['losses'] = dict(mine=dict(type='Nothing', on='feat'))\n")
    said, file = blow_up(config, folder / 'log', teacher='untrained')
    assert 'mine.loss_nothing -inf' in said
    shown = replay(file)
    assert shown.same
    assert shown.trace.first[:3] == ('terms.losses.mine', 'Nothing', True)


def test_the_config_comes_from_the_work_dir_and_never_from_the_file(poisoned, tmp_path):
    _, file = poisoned
    content = torch.load(file, weights_only=True)
    content['config'] = f'import pathlib; pathlib.Path({str(tmp_path / "ran")!r}).touch()'
    content['config_name'] = '../../imu.py'
    (tmp_path / 'run' / 'nonfinite').mkdir(parents=True)
    moved = tmp_path / 'run' / 'nonfinite' / 'iter_1.pth'
    torch.save(content, moved)
    with pytest.raises(CheckpointError, match=rf'{tmp_path}/run/imu\.py is not there; name it with --config'):
        replay(moved)
    assert replay(moved, file.parents[1] / 'imu.py').same
    assert not (tmp_path / 'ran').exists()


def test_what_does_not_belong_together_is_refused(poisoned, rooted, folder, tmp_path):
    _, file = poisoned
    with pytest.raises(CheckpointError, match=r'belongs to the config with the hash \w{12}, .* has the hash \w{12}'):
        replay(file, rooted[1].parents[1] / 'image_from_imu.py')
    with pytest.raises(CheckpointError, match='is no complete config of a run'):
        replay(file, folder / 'imu.py')
    torch.save({'state_dict': {}}, tmp_path / 'epoch_1.pth')
    with pytest.raises(CheckpointError, match='not the file that a training leaves'):
        replay(tmp_path / 'epoch_1.pth')


def test_a_step_that_was_noticed_late_says_how_to_have_it_again(poisoned, tmp_path, capsys):
    content = torch.load(poisoned[1], weights_only=True)
    torch.save({**content, 'step': None}, tmp_path / 'late.pth')
    with pytest.raises(CheckpointError, match=r'late\.pth: .*--resume --cfg-options look_at_every_step=True'):
        replay(tmp_path / 'late.pth')
    assert 'c03' in capsys.readouterr().out
