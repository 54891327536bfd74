"""The tables and charts over several runs."""

import pytest

from fdkd.packaged import home
from fdkd.report.run import read_run
from fdkd.report.summary import headline, tables, validation_charts
from tests.report.work_dirs import results, train_line, write_log


def cells(table):
    return {(column.group, column.head): [cell.text for cell in column.cells] for column in table.columns}


def test_columns(make_run):
    unfinished = make_run('b', results=None)
    [table] = tables([read_run(make_run('a')), read_run(unfinished)])
    assert [(number, run.label) for number, run in table.runs] == [(1, 'a'), (2, 'b')]
    assert cells(table) == {
        ('', 'seed'): ['0', '–'],
        ('student (%)', 'sees'): ['image', '–'],
        ('student (%)', 'accuracy'): ['70.00', '–'],
        ('student (%)', 'macro F1'): ['50.00', '–'],
        ('teacher (%)', 'sees'): ['audio', '–'],
        ('teacher (%)', 'accuracy'): ['90.00', '–'],
        ('teacher (%)', 'macro F1'): ['50.00', '–'],
        ('', 'weights of'): ['last epoch (2)', 'unfinished, epoch 2'],
        ('', 'commit'): ['abcdef0, modified', '–'],
        ('', 'device'): ['cpu', '–'],
        ('', 'wall time'): ['1:02:05', '–'],
        ('', 'config'): ['configs/a/b.py', '–'],
    }
    assert table.groups == [('', 1), ('student (%)', 3), ('teacher (%)', 3), ('', 5)]
    assert table.unknown == []
    time = table.columns[-2]
    assert [cell.value for cell in time.cells] == [3725.4, None]
    assert time.numeric


def test_a_config_that_came_with_fdkd_is_called_by_its_name(make_run):
    config = str(home() / 'configs' / 'demo' / 'digits_image.py')
    [table] = tables([read_run(make_run('a', results=results(config=config)))])
    assert cells(table)['', 'config'] == ['configs/demo/digits_image.py']


def test_what_no_run_recorded_is_named(make_run):
    told = results(seconds=None, commit=None)
    del told['teacher']
    [table] = tables([read_run(make_run(results=told))])
    assert table.unknown == ['commit', 'wall time']
    assert 'teacher (%)' not in [group for group, _ in table.groups]


def test_each_task_has_its_table(make_run):
    student = {'modality': 'rgb', 'metrics': {'mIoU': 5.0, 'aAcc': None}, 'per_class': {}}
    segmentation = read_run(make_run('b', results=results(student=student, teacher=student)))
    first, second = tables([read_run(make_run('a')), segmentation, read_run(make_run('c'))])
    assert (first.task, [number for number, _ in first.runs]) == ('classification', [1, 3])
    assert (second.task, [number for number, _ in second.runs]) == ('segmentation', [2])
    assert cells(second)[('student (%)', 'mIoU')] == ['5.00']
    assert headline(segmentation) == 'mIoU: student 5.00 %, teacher 5.00 %'


def test_validation_charts(make_run, tmp_path):
    runs = [read_run(make_run('a')), read_run(make_run('b', results=None))]
    write_log(tmp_path / 'c', [train_line(4)])
    runs.append(read_run(tmp_path / 'c'))
    write_log(tmp_path / 'd', [{'mIoU': 9.0, 'step': 400}])
    runs.append(read_run(tmp_path / 'd'))
    charts = validation_charts(runs)
    assert [(chart.title, chart.y_label, chart.x_label) for chart in charts] == [
        ('Validation accuracy', 'accuracy (%)', 'epoch'),
        ('Validation macro F1', 'macro F1 (%)', 'epoch'),
        ('Validation mIoU', 'mIoU (%)', 'epoch or iteration'),
    ]
    assert [(line.name, line.colour, line.last) for line in charts[0].lines] == [('a', 0, '70'), ('b', 1, '70')]
    assert [line.colour for line in charts[2].lines] == [3]
    assert headline(runs[1]) == ''


@pytest.mark.parametrize(
    ('seconds', 'text'), [(59.6, '0:01:00'), (0, '0:00:00'), (90061, '1 day, 1:01:01'), ('x', '–')]
)
def test_wall_time(make_run, seconds, text):
    [table] = tables([read_run(make_run(results=results(seconds=seconds)))])
    assert cells(table).get(('', 'wall time'), ['–']) == [text]
