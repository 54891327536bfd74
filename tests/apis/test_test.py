"""Scoring a student from its checkpoint; tests/apis/test_train*.py score what they have trained."""

import json
import shutil

import pytest
import torch

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.apis.test import student_alone
from fdkd.apis.test import test as score
from fdkd.errors import CheckpointError, DataError
from tests.inference import tiny


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    """Config and checkpoint of a student of images that a teacher of readings has taught; the readings are gone."""
    folder = tmp_path_factory.mktemp('image')
    made = tiny.image_student(folder)
    shutil.rmtree(folder / 'motions' / 'imu')
    return made


def test_results_lie_beside_the_checkpoint_and_are_those_of_its_predictions(image, capsys):
    config, checkpoint = image
    results = score(config, checkpoint)
    folder = checkpoint.parent / 'test'
    written = json.loads((folder / 'results.json').read_text())
    assert written['student']['metrics'] == results['student']['metrics']
    assert (written['epoch'], written['selection']) == ('image_from_imu.pth', 'checkpoint')
    assert results['student']['modality'] == 'image'
    assert results['student']['samples'] == 5
    assert 'teacher' not in results

    cfg = load_config(config, RunOptions())
    student = student_alone(cfg, checkpoint, False).student
    assert torch.equal(student.head.weight, torch.load(checkpoint, weights_only=True)['state_dict']['head.weight'])
    lines = (folder / 'predictions.csv').read_text().splitlines()[1:]
    right = [line.split(',')[1] == line.split(',')[2] for line in lines]
    assert len(right) == 5
    assert results['student']['metrics']['accuracy'] == pytest.approx(20 * sum(right), abs=0.01)


def test_another_folder_is_written_and_no_other(image, tmp_path):
    copied = shutil.copy(image[1], tmp_path)
    score(image[0], copied, work_dir=tmp_path / 'there')
    assert {path.name for path in tmp_path.iterdir()} == {'image_from_imu.pth', 'there'}
    assert (tmp_path / 'there' / 'results.json').is_file()


def test_options_reach_the_data(image, tmp_path):
    with pytest.raises(DataError, match='nowhere'):
        score(*image, RunOptions(data_root=str(tmp_path / 'nowhere')), work_dir=tmp_path)


@pytest.mark.parametrize(
    ('change', 'told'),
    [
        (lambda file: file['meta'].update(modality='imu'), "modality 'imu', expected 'image'"),
        (lambda file: file['state_dict'].pop('head.bias'), r'head\.bias'),
    ],
)
def test_a_checkpoint_of_another_student_is_refused_and_nothing_written(image, tmp_path, change, told):
    file = torch.load(image[1], weights_only=True)
    change(file)
    torch.save(file, tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match=told):
        score(image[0], tmp_path / 'other.pth')
    assert [path.name for path in tmp_path.iterdir()] == ['other.pth']
