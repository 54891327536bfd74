"""What of a run's files stands in the ledger."""

import json
from dataclasses import replace

import pytest

from fdkd.reproduce.ledger import Ledger
from fdkd.reproduce.rows import CONSOLE_FILE, done_row, failed_row, results_of, tidy
from tests.support.fake_training import results
from tests.support.jobs import make_job

#: Of this very run, but not what a run writes.
SHAPELESS = [
    json.dumps({'config_hash': 'hash-student', **rest})
    for rest in ({}, {'student': []}, {'student': {'metrics': 3}}, {'student': {'metrics': {}, 'per_class': []}})
]


@pytest.fixture
def teacher(tmp_path):
    return make_job(tmp_path, 'teacher')


@pytest.fixture
def job(tmp_path, teacher):
    return make_job(tmp_path, 'student', teacher, seed=4, changes=(('a.b', 0.5), ('c', 'd e')))


@pytest.fixture
def folder(tmp_path, job):
    folder = tmp_path / 'runs' / job.name
    folder.mkdir(parents=True)
    (folder / 'student.pth').write_text('weights')
    (folder / 'results.json').write_text(json.dumps(results('hash-student')))
    return folder


def test_results_are_of_this_very_run_and_of_its_end(job, teacher, folder):
    assert results_of(job, folder)['student']['samples'] == 4
    assert results_of(teacher, folder) is None
    (folder / 'student.pth').unlink()
    assert results_of(job, folder) is None


@pytest.mark.parametrize('text', ['', '{"config_ha', '{}', '[]', '3', '[' * 100_000, *SHAPELESS])
def test_what_is_no_result_is_none(job, folder, text):
    (folder / 'results.json').write_text(text)
    assert results_of(job, folder) is None
    (folder / 'results.json').unlink()
    assert results_of(job, folder) is None


def test_a_training_that_lost_samples_is_that_of_a_job_that_skips_them(tmp_path, job, folder):
    for number, there in ((0, True), (2, False)):
        found = results('hash-student') | {'skipped': {'number': number, 'of': 300, 'samples': {}}}
        (folder / 'results.json').write_text(json.dumps(found))
        assert (results_of(job, folder) is not None) == there
    job.cfg.train_dataloader = {'dataset': {'on_error': 'skip'}}
    assert results_of(job, folder)['skipped']['number'] == 2
    assert done_row(job, found, folder, tmp_path, resumed=False)['skipped'] == found['skipped']


def test_the_row_of_a_run_that_ended_well(tmp_path, job, folder):
    found = results('hash-student')
    found['teacher'] = {**found['student'], 'modality': 'imu', 'metrics': {'accuracy': 90.0}}
    row = done_row(job, found, folder, tmp_path, resumed=False)
    about = {key: row[key] for key in ('key', 'name', 'status', 'seed', 'changes', 'teacher_key', 'log', 'resumed')}
    assert about == {
        'key': 'key-student', 'name': 'student', 'status': 'done', 'seed': 4, 'changes': {'a.b': 0.5, 'c': 'd e'},
        'teacher_key': 'key-teacher', 'log': 'runs/student/console.log', 'resumed': False,
    }  # fmt: skip
    assert row['config'] == str(tmp_path / 'student.json')
    assert (row['config_hash'], row['data_hash'], row['epochs']) == ('hash-student', 'data', 2)
    assert (row['commit'], row['modified'], row['seconds']) == ('c0ffee', None, 10.0)
    assert row['student'] == {
        'modality': 'image', 'samples': 4, 'metrics': {'accuracy': 75.0}, 'labelled': 4, 'hits': '4A==',
        'class_counts': [3, 1],
    }  # fmt: skip
    assert row['teacher']['metrics'] == {'accuracy': 90.0}
    assert row['resolved'] == {'config_hash': 'hash-student', 'data_hash': 'data', 'train_cfg': {'max_epochs': 2}}
    Ledger(tmp_path / 'ledger').append(row)
    assert Ledger(tmp_path / 'ledger').rows() == [row]


def test_the_command_survives_a_shell(tmp_path, job, folder):
    object.__setattr__(job, 'arguments', ('../somewhere/c.py', '--cfg-options', 'c=d e'))
    row = done_row(job, results('hash-student'), folder, tmp_path, resumed=False)
    teacher = f'--teacher runs/{job.teacher.name}/student.pth'
    assert row['command'] == f"python tools/train.py {job.run.config} {teacher} --cfg-options 'c=d e'"


def test_the_command_leaves_out_where_a_machine_keeps_features(job, folder, tmp_path):
    config, *options = job.arguments
    keeping = replace(job, arguments=(config, '--cache-teacher-in', '/of/this/machine', *options))
    commands = [
        done_row(one, results('hash-student'), folder, tmp_path, resumed=False)['command'] for one in (job, keeping)
    ]
    assert commands[0] == commands[1]


def test_gradient_shares_are_kept_where_they_were_measured(tmp_path, job, folder):
    found = results('hash-student')
    assert 'gradient_share' not in done_row(job, found, folder, tmp_path, resumed=False)
    found['gradient_share'] = {'loss_ce': [0.5, 0.25]}
    assert done_row(job, found, folder, tmp_path, resumed=False)['gradient_share'] == {'loss_ce': [0.5, 0.25]}


def test_dense_scores_have_no_class_counts(tmp_path, job, folder):
    found = results('hash-student')
    found['student'] = {
        'modality': 'rgb', 'samples': 3, 'metrics': {'mIoU': 30.0}, 'per_class': {'wall': {'IoU': 60.0}},
    }  # fmt: skip
    row = done_row(job, found, folder, tmp_path, resumed=True)
    assert row['student'] == {'modality': 'rgb', 'samples': 3, 'metrics': {'mIoU': 30.0}}
    assert 'teacher' not in row


def test_the_row_of_a_failure_quotes_the_end(tmp_path, job, folder):
    (folder / CONSOLE_FILE).write_bytes(b'\xff\n' + b''.join(b'line %d\n' % number for number in range(30)))
    row = failed_row(job, 3, folder, tmp_path)
    assert (row['status'], row['exit_status']) == ('failed', 3)
    assert row['error'] == [f'line {number}' for number in range(18, 30)]
    (folder / CONSOLE_FILE).unlink()
    assert failed_row(job, -9, folder, tmp_path)['error'] == []


def test_tidy_keeps_what_a_reader_needs(folder):
    kept = {'student.pth', 'results.json', 'predictions.csv', 'teacher.pth', CONSOLE_FILE}
    for name in (*kept, 'epoch_1.pth', 'epoch_12.pth', 'last_checkpoint'):
        (folder / name).write_text('x')
    tidy(folder)
    assert {path.name for path in folder.iterdir()} == kept
    tidy(folder)
