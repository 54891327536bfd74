"""What is read of a work dir, and what is told where it is damaged."""

import json
import os

import pytest

from fdkd.errors import DataError
from fdkd.report.run import read_picture, read_results, read_run, read_spectrum
from tests.report.work_dirs import results, train_line, write_log


def test_everything(make_run):
    run = read_run(make_run())
    assert run.problems == []
    assert (run.label, run.task, run.models) == ('run', 'classification', ['student', 'teacher'])
    assert run.metrics('teacher') == {'accuracy': 90.0, 'macro_f1': 50.0}
    assert run.classes == ['cat', 'dog']
    assert run.config == {'seed': 0}
    assert len(run.predictions) == 4
    assert run.spectrum['cka'] == [0.9, 0.5, None]
    assert sorted(run.pictures) == ['confusion.png', 'samples.png']
    picture = run.pictures['samples.png']
    assert (picture.width, picture.height) == (40, 30)
    assert picture.uri.startswith('data:image/png;base64,iVBORw0KGgo')


def test_unfinished(make_run, tmp_path):
    run = read_run(make_run(results=None, config="train_cfg = dict(max_epochs=5)\ntest_evaluator = dict(type='X')\n"))
    assert run.results is None
    assert run.problems == []
    assert run.progress == 'epoch 2 of 5'
    assert (run.models, run.classes, run.metrics('student')) == ([], [], {})
    write_log(tmp_path / 'iterations', [{'loss': 1.0, 'iter': 20, 'step': 20}])
    assert read_run(tmp_path / 'iterations').progress == 'iteration 20'
    write_log(tmp_path / 'started', [])
    assert read_run(tmp_path / 'started').progress == 'nothing logged yet'


def test_of_several_configs_that_of_the_newest_log_is_read_whatever_the_times(make_run):
    folder = make_run()
    (folder / 'a.py').write_text('seed = 1\n')
    os.utime(folder / 'b.py', (2**31, 2**31))
    run = read_run(folder)
    assert run.config is None
    assert run.problems == [f"{folder}: holds the configs a.py, b.py, and no log says which is this run's; left out"]
    for stamp, seed in (('20261126_010203', 0), ('20261127_010203', 1)):
        vis_data = folder / stamp / 'vis_data'
        vis_data.mkdir(parents=True, exist_ok=True)
        (vis_data / 'scalars.json').touch()
        (vis_data / 'config.py').write_text(f'seed = {seed}\n')
    run = read_run(folder)
    assert (run.config, run.problems) == ({'seed': 1}, [])


@pytest.mark.parametrize(('evaluator', 'task'), [('SegmentationMetric', 'segmentation'), ('Mine', 'unknown')])
def test_task_of_a_run_without_scores(tmp_path, evaluator, task):
    write_log(tmp_path, [train_line(4)])
    (tmp_path / 'a.py').write_text(f"test_evaluator = dict(type='{evaluator}')\n")
    assert read_run(tmp_path).task == task


def test_no_run(tmp_path):
    with pytest.raises(DataError, match='absent: no such folder, expected the work dir of a run'):
        read_run(tmp_path / 'absent')
    (tmp_path / 'inside').mkdir()
    with pytest.raises(DataError, match=r'neither results\.json nor \*/vis_data/scalars\.json is there$'):
        read_run(tmp_path)
    (tmp_path / 'inside' / 'results.json').write_text('{}')
    with pytest.raises(DataError, match=r'runs lie inside it, pass them instead: inside$'):
        read_run(tmp_path)


def test_damaged_files_are_told_and_the_rest_is_kept(make_run):
    folder = make_run()
    for name in ('results.json', 'spectral_cka.json', 'samples.png'):
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 1])
    (folder / 'predictions.csv').write_text('sample_id,label,predicted,score\na,cat,dog,0.5\nb,ca')
    (folder / 'b.py').write_text('seed = ')
    (folder / 'confusion.png').unlink()
    (folder / 'confusion.png').mkdir()
    run = read_run(folder)
    assert (run.results, run.config, run.spectrum, run.pictures) == (None, None, None, {})
    assert len(run.predictions) == 1
    assert len(run.history.training) == 4
    told = [problem.partition(': ')[0].rpartition('/')[2] for problem in run.problems]
    assert told == ['results.json', 'b.py', 'predictions.csv', 'spectral_cka.json', 'samples.png', 'confusion.png']


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'student': None}, 'student.metrics is None'),
        ({'student': {'metrics': {'accuracy': 'high'}}}, r"student.metrics is \{'accuracy': 'high'\}"),
        ({'teacher': {'metrics': {}, 'per_class': [1]}}, 'teacher.per_class is not a table'),
        ({'teacher': {'metrics': {}, 'per_class': {'cat': {'accuracy': True}}}}, 'teacher.per_class is not a table'),
    ],
)
def test_results_of_another_shape(tmp_path, changes, told):
    (tmp_path / 'results.json').write_text(json.dumps(results(**changes)))
    with pytest.raises(DataError, match=told):
        read_results(tmp_path / 'results.json')


@pytest.mark.parametrize('text', ['[]', '3', '{', '{"student": 1}', '\udcff', '[' * 99999])
def test_results_that_are_none(tmp_path, text):
    (tmp_path / 'results.json').write_text(text, errors='surrogateescape')
    with pytest.raises(DataError, match=r'results\.json: .*; left out'):
        read_results(tmp_path / 'results.json')


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'edges': [0]}, 'edges is'),
        ({'edges': [0, 'x', 1]}, 'edges is'),
        ({'cka': [1]}, 'cka is .*, expected 2 numbers'),
        ({'debiased': [1, '2']}, 'debiased is'),
        ({'energy': [1, 2]}, 'energy is'),
        ({'energy': {'teacher': 3}}, 'teacher is 3'),
    ],
)
def test_spectrum_of_another_shape(tmp_path, changes, told):
    path = tmp_path / 'spectral_cka.json'
    path.write_text(json.dumps({'edges': [0, 0.5, 1], 'cka': [1, None]}))
    assert read_spectrum(path) == {'edges': [0, 0.5, 1], 'cka': [1, None], 'energy': {}}
    path.write_text(json.dumps({'edges': [0, 0.5, 1], 'cka': [1, None], **changes}))
    with pytest.raises(DataError, match=told):
        read_spectrum(path)


def test_only_png_is_embedded(tmp_path):
    (tmp_path / 'a.png').write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    with pytest.raises(DataError, match='not a readable PNG'):
        read_picture(tmp_path / 'a.png')
