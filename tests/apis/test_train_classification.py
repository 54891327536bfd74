"""The whole job on a data set that no code knows: photographs, and readings of a motion sensor."""

import csv
import shutil

import pytest
import torch

from fdkd.apis.test import test as score
from fdkd.apis.train import train
from fdkd.errors import CheckpointError, DataError
from tests.support.motions import read_table, write_configs, write_motions, write_table

pytestmark = pytest.mark.usefixtures('runs')


@pytest.fixture
def root(tmp_path):
    return write_motions(tmp_path / 'motions')


@pytest.fixture
def config(tmp_path, root):
    return write_configs(tmp_path, root)


def log_of(folder):
    return next(folder.glob('*/*.log')).read_text()


def test_a_made_up_modality_teaches_and_the_student_is_scored_without_it(config, root, tmp_path, capsys):
    folder = tmp_path / 'run'
    results = train(config, work_dir=folder)
    printed = capsys.readouterr().out
    assert 'training it first' in printed
    assert 'accuracy, fdkd.low head' in printed
    assert results['student']['modality'] == 'image'
    assert results['teacher']['metrics'].keys() == {'accuracy', 'macro_f1'}
    with (folder / 'predictions.csv').open(newline='') as file:
        predictions = list(csv.DictReader(file))
    assert [row['sample_id'] for row in predictions] == [f'c{number}' for number in range(12, 18)]
    right = sum(row['label'] == row['predicted'] for row in predictions)
    assert results['student']['metrics']['accuracy'] == pytest.approx(100 * right / 6, abs=0.01)
    assert (folder / 'confusion.png').read_bytes().startswith(b'\x89PNG')
    assert 'of the time was spent waiting for data' in log_of(folder)

    shutil.rmtree(root / 'imu')
    alone = score(config, folder / 'student.pth', work_dir=tmp_path / 'alone')
    assert alone['student']['metrics'] == {
        name: results['student']['metrics'][name] for name in ('accuracy', 'macro_f1')
    }
    with_heads = score(config, folder / 'epoch_1.pth', work_dir=tmp_path / 'heads')
    assert with_heads['student']['metrics'] == results['student']['metrics']


def test_gaps_are_trained_around_and_counted(config, root, tmp_path):
    (root / 'imu' / 'c00.npy').unlink()
    (root / 'imu' / 'c05.npy').unlink()
    rows = read_table(root)
    rows[3]['label'] = ''
    write_table(root, rows)
    teacher = tmp_path / 'teacher.pth'
    torch.save(untrained_teacher(), teacher)
    train(config, work_dir=tmp_path / 'run', teacher=str(teacher))
    log = log_of(tmp_path / 'run')
    assert 'epoch 1: 2 of the 12 samples read had no imu' in log
    assert 'epoch 1: 1 of the 12 samples read had no label' in log


def test_a_teacher_that_no_sample_can_hear_is_an_error(config, root, tmp_path):
    for path in (root / 'imu').glob('c0*.npy'):
        path.unlink()
    for path in (root / 'imu').glob('c1[01].npy'):
        path.unlink()
    teacher = tmp_path / 'teacher.pth'
    torch.save(untrained_teacher(), teacher)
    with pytest.raises(DataError, match='imu'):
        train(config, work_dir=tmp_path / 'run', teacher=str(teacher))


def untrained_teacher():
    """Weights of the config's teacher, as drawn."""
    from fdkd.registry import MODELS

    backbone = dict(type='ResNet18', in_channels=1)
    return MODELS.build(dict(type='Classifier', backbone=backbone, num_classes=3)).state_dict()


def test_a_test_set_without_the_teachers_sensor_scores_the_student_alone(config, root, tmp_path, capsys):
    (root / 'imu' / 'c13.npy').unlink()
    teacher = tmp_path / 'teacher.pth'
    torch.save(untrained_teacher(), teacher)
    results = train(config, work_dir=tmp_path / 'run', teacher=str(teacher))
    assert 'the teacher is not scored' in capsys.readouterr().out
    assert results['student']['samples'] == 6
    assert 'teacher' not in results


def test_a_full_checkpoint_of_another_modality_is_refused(config, tmp_path):
    train(config.with_name('imu.py'), work_dir=tmp_path / 'run')
    with pytest.raises(CheckpointError, match="a model of modality 'imu', expected 'image'"):
        score(config, tmp_path / 'run' / 'epoch_1.pth')
