"""What the page shows of one run."""

import json
import math

import pytest

from fdkd.report import sections
from fdkd.report.run import read_run
from tests.report.work_dirs import results, scores, train_line, write_log


def test_training_charts(tmp_path):
    values = {'loss_ce': 1.5, 'kd.loss': 0.5, 'decode.acc_seg': 50.0, 'aux.acc_seg': 40.0, 'memory': 9}
    gradients = {'grad_share/loss_ce': 0.75, 'grad_share/kd.loss': 0.25, 'grad_norm/loss_ce': 3.0}
    write_log(tmp_path, [train_line(step, **values, **gradients) for step in (4, 8)] + [{'mIoU': 7.0, 'step': 1}])
    charts = sections.training_charts(read_run(tmp_path))
    assert [(chart.title, chart.x_label, [line.name for line in chart.lines]) for chart in charts] == [
        ('Training loss and its parts', 'epoch', ['loss', 'loss_ce', 'kd.loss']),
        ('Validation', 'epoch', ['mIoU']),
        ('Learning rate', 'epoch', ['lr']),
        ('Share of each loss in the gradient', 'epoch', ['loss_ce', 'kd.loss']),
        ('acc_seg', 'epoch', ['decode.acc_seg', 'aux.acc_seg']),
        ('grad_norm', 'epoch', ['loss_ce']),
    ]
    assert [line.colour for line in charts[0].lines] == [0, 1, 2]
    assert [text for _, text in charts[3].y_ticks] == ['0', '0.2', '0.4', '0.6', '0.8', '1']


def test_class_table(make_run):
    student, teacher = scores('image', 70.0, ('cat', 'dog', 'owl')), scores('audio', 90.0, ('cat', 'dog', 'owl'))
    student['per_class']['dog']['accuracy'] = None
    student['per_class']['owl'] = teacher['per_class']['owl'] = {'accuracy': math.nan, 'count': 0}
    table = sections.class_table(read_run(make_run(results=results(student=student, teacher=teacher))))
    assert (table.figure, table.models, table.undefined) == ('accuracy', ['student', 'teacher'], 1)
    assert [(row.name, row.count, row.values, row.gap) for row in table.rows] == [
        ('cat', 3, [70.0, 90.0], -20.0),
        ('dog', 3, [None, 90.0], None),
    ]


def test_classes_of_segmentation_have_iou_and_no_count(make_run):
    student = {'modality': 'rgb', 'metrics': {'mIoU': 5.0}, 'per_class': {'wall': {'IoU': 5.0, 'Acc': 9.0}}}
    told = results(student=student)
    del told['teacher']
    table = sections.class_table(read_run(make_run(results=told)))
    assert (table.figure, table.models) == ('IoU', ['student'])
    assert [(row.name, row.count, row.values, row.gap) for row in table.rows] == [('wall', None, [5.0], None)]


def test_matrix(make_run):
    drawn = sections.matrix(read_run(make_run(classes=('cat', 'a name longer than 18'))))
    assert drawn.names == [('cat', 'cat'), ('dog', 'dog'), ('a name longer than 18', 'a name longer tha…')]
    assert drawn.cells == [(0, 0, 50.0, 1), (0, 2, 50.0, 1), (2, 0, 100.0, 1)]
    assert (drawn.totals, drawn.written, drawn.unlabelled) == ([2, 0, 1], True, 1)


@pytest.mark.parametrize(('classes', 'drawn'), [(50, True), (51, False)])
def test_large_matrices_are_left_to_the_picture(make_run, classes, drawn):
    names = [str(number) for number in range(classes)]
    told = results(student=scores('image', 70.0, names), teacher=scores('audio', 70.0, names))
    assert (sections.matrix(read_run(make_run(results=told, classes=('0', '1')))) is not None) == drawn


def test_spectral_charts(make_run):
    run = read_run(make_run())
    similarity, energy = sections.spectral_charts(run)
    assert [(line.name, len(line.markers)) for line in similarity.lines] == [('CKA', 2), ('CKA, debiased', 2)]
    assert similarity.lines[0].markers[0][2] == 'CKA: 0.9 at fraction of Nyquist 0.125'
    assert [(line.name, line.colour) for line in energy.lines] == [('student', 0), ('teacher', 1)]
    assert similarity.rule[1] == 'cutoff'
    assert sections.spectrum_facts(run) == {
        **{'cutoff': '0.5', 'student': 'feat', 'teacher': 'feat', 'samples': '6', 'split': 'test'},
        'reason': 'no energy above 0.5',
    }
    run.spectrum |= {'debiased': [-0.25, 0.1, 0.2], 'cutoff': None}
    similarity, _ = sections.spectral_charts(run)
    assert similarity.rule is None
    assert similarity.y_ticks[0][1].startswith('-0.2')
    run.spectrum = None
    assert sections.spectral_charts(run) == []


def test_made_with(make_run):
    run = read_run(make_run(results=results(threads=2, note=None, missing={'cat': 3})))
    told = sections.made_with(run)
    assert told['work dir'] == str(run.folder)
    assert {name: told[name] for name in ('versions', 'modified', 'threads', 'note', 'missing')} == {
        **{'versions': 'fdkd 0.1.0, torch 2.14', 'modified': 'yes', 'threads': '2', 'note': '–', 'missing': 'cat 3'},
    }
    assert 'student' not in told
    assert json.loads(told['seconds']) == 3725.4


def test_parts_join_to_the_text():
    assert sections.parts('a/b_c.py') == ['a/', 'b_', 'c.py']
    assert sections.parts('model.losses.lr') == ['model.', 'losses.lr']
    for text in ('', '/', 'a//b', 'plain', '__'):
        assert ''.join(sections.parts(text)) == text
