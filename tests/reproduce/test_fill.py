"""From hand-made rows of the ledger to the cells of a table."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fdkd.errors import DataError
from fdkd.evaluation.hits import pack_hits
from fdkd.reproduce.fill import Filler, _read_images
from fdkd.reproduce.plans import Plan, PlanCell, PlanRow
from fdkd.reproduce.result import Interval
from fdkd.reproduce.runs import Run

SEEDS = (0, 1)


def key(run):
    return f'{run.config}-{run.seed}'


def job(run):
    return None if run.config == 'blocked' else SimpleNamespace(key=key(run))


def done(method, seed, hits=None, accuracy=None, **rest):
    """A row; its accuracy is that of the hits unless it is given."""
    student = {'modality': 'image', 'samples': 8, 'class_counts': [2, 5, 1]}
    if hits is not None:
        student |= {'labelled': len(hits), 'hits': pack_hits(np.array(hits, bool))}
    student['metrics'] = {'macro_f1': 1.0, 'accuracy': 100 * np.mean(hits) if accuracy is None else accuracy}
    about = {'key': f'{method}-{seed}', 'name': f'{method}-{seed}', 'status': 'done', 'student': student}
    common = {'data_hash': 'd', 'device': 'A processor with a very long name', 'selection': 'last epoch'}
    return {**about, **common, 'epochs': 10, 'commit': '0123456789abcdef', 'modified': False, **rest}


def failed(method, seed):
    error = ['Traceback', 'in a file', 'error: no such file']
    return {'key': f'{method}-{seed}', 'name': f'{method}-{seed}', 'status': 'failed', 'error': error}


def cell(method, **about):
    return PlanCell(tuple(Run(method, seed) for seed in SEEDS), **about)


def plan(*rows):
    """One column, in which 'alone' is the baseline."""
    return Plan('name', 'A title', ('method',), ('digits',), (cell('alone'),), rows, ('A note.',))


def row(method, ranked=True, **about):
    return PlanRow((method,), (cell(method, **about),), ranked)


def fill(rows, *planned, root=Path('nowhere'), setting=None):
    return Filler({row['key']: row for row in rows}, job, root, setting).fill(plan(*planned))


def cells(table):
    return {row.labels[0]: row.cells[0] for row in table.rows}


ALONE = [done('alone', 0, [1, 1, 0, 0, 0, 0, 0, 0]), done('alone', 1, [1, 1, 1, 0, 0, 0, 0, 0])]
FEAT = [done('feat', 0, [1, 1, 1, 1, 0, 0, 0, 0]), done('feat', 1, [1, 1, 1, 1, 1, 1, 0, 0])]


def test_what_the_plan_says_is_kept():
    table = fill(ALONE, row('alone'), PlanRow(('none',), (None,)))
    assert (table.title, table.heads, table.columns, table.notes) == ('A title', ('method',), ('digits',), ('A note.',))
    assert [(each.labels, each.ranked) for each in table.rows] == [(('alone',), True), (('none',), True)]
    assert table.rows[1].cells == (None,)


def test_figures_of_all_seeds():
    found = cells(fill([*ALONE, *FEAT], row('alone', paper=62.4), row('feat')))
    assert found['alone'].values == (25.0, 37.5)
    assert (found['alone'].planned, found['alone'].failed, found['alone'].paper) == (2, 0, 62.4)
    assert found['feat'].values == (50.0, 75.0)
    assert found['feat'].mean == 62.5


def test_what_is_not_there_is_planned_or_failed():
    rows = [*ALONE, FEAT[1], failed('feat', 0), done('other', 0, [1] * 8)]
    found = cells(fill(rows, row('feat'), row('fdkd'), row('blocked')))
    assert (found['feat'].values, found['feat'].planned, found['feat'].failed) == ((75.0,), 2, 1)
    assert found['feat'].marks == ('failed: feat-0: in a file / error: no such file',)
    for name in ('fdkd', 'blocked'):
        assert (found[name].values, found[name].planned, found[name].failed, found[name].marks) == ((), 2, 0, ())


def test_rows_of_other_keys_never_appear():
    strangers = [done('feat', 2, [1] * 8), done('fea', 0, [1] * 8)]
    assert cells(fill(strangers, row('feat')))['feat'].values == ()


def test_comparison_with_the_student_alone():
    comparison = cells(fill([*ALONE, *FEAT], row('feat')))['feat'].comparison
    assert comparison.difference == pytest.approx(31.25)
    # differences 25 and 37.5: mean 31.25, standard error 6.25, t(0.975, 1) = 12.706
    assert comparison.over_seeds.low == pytest.approx(31.25 - 12.7062 * 6.25, abs=1e-3)
    assert isinstance(comparison.over_samples, Interval)
    assert 0 < comparison.over_samples.low < 31.25 < comparison.over_samples.high


def test_without_predictions_no_interval_over_samples():
    bare = [done('feat', seed, accuracy=50.0) for seed in SEEDS]
    comparison = cells(fill([*ALONE, *bare], row('feat')))['feat'].comparison
    assert comparison.difference == pytest.approx(18.75)
    assert comparison.over_samples is None


def test_only_what_competes_is_compared():
    teacher = [done('teacher', seed, [1] * 12) for seed in SEEDS]  # of other samples than the student
    rows = [row('alone'), row('teacher', ranked=False), row('feat')]
    found = cells(fill([*ALONE, *teacher, *FEAT], *rows))
    assert found['alone'].comparison is None
    assert found['teacher'].comparison is None
    assert found['feat'].comparison is not None
    assert cells(fill(FEAT, row('feat')))['feat'].comparison is None


def test_the_most_frequent_class():
    found = cells(fill(ALONE, row('alone', ranked=False, shown='majority')))
    assert found['alone'].values == (62.5, 62.5)
    assert found['alone'].comparison is None


def test_mean_iou_and_its_images(tmp_path):
    def dense(method, seed, miou, intersection):
        made = done(method, seed, accuracy=0)
        made['student'] = {'modality': 'rgb', 'samples': 2, 'metrics': {'pixel': 80.0, 'mIoU': miou}}
        folder = tmp_path / 'runs' / made['name']
        folder.mkdir(parents=True)
        counts = np.full((2, 1), 10)
        np.savez(folder / 'images.npz', intersection=intersection, predicted=counts, labelled=counts)
        return made

    # every image has IoU 4 / 16 or 6 / 14, so that any draw of images has the same difference
    rows = [dense('alone', seed, 25.0, np.full((2, 1), 4)) for seed in SEEDS]
    rows += [dense('feat', seed, 42.9, np.full((2, 1), 6)) for seed in SEEDS]
    table = fill(rows, row('alone'), row('feat'), root=tmp_path)
    feat = cells(table)['feat']
    assert feat.values == (42.9, 42.9)
    assert feat.comparison.over_samples.low == pytest.approx(100 * (6 / 14 - 4 / 16))
    assert table.caption.startswith('Mean IoU in %')
    (tmp_path / 'runs' / 'feat-1' / 'images.npz').unlink()
    assert cells(fill(rows, row('feat'), root=tmp_path))['feat'].comparison.over_samples is None


@pytest.mark.parametrize('content', [b'', b'PK\x03\x04', b'x' * 50])
def test_damaged_counts_of_pixels_are_named(tmp_path, content):
    (tmp_path / 'images.npz').write_bytes(content)
    with pytest.raises(DataError, match=r'images.npz: damaged .* remove it'):
        _read_images(tmp_path / 'images.npz')


def test_marks_of_what_is_not_as_usual():
    odd = [
        done('feat', 0, [1] * 8, device='a GPU', modified=True),
        done('feat', 1, [1] * 8, device='a GPU'),
    ]
    found = cells(
        fill([*ALONE, *odd, *(done('pkd', seed, [1] * 8) for seed in SEEDS)], *map(row, ('alone', 'pkd', 'feat')))
    )
    assert found['alone'].marks == found['pkd'].marks == ()
    assert found['feat'].marks == (
        'other device: a GPU instead of A processor with a very long name',
        'from code with uncommitted changes',
    )


def test_a_note_on_the_papers_figure_comes_first():
    made = [done('feat', seed, [1] * 8, modified=True) for seed in SEEDS]
    found = cells(fill(made, row('feat', note='illegible'), row('fdkd', note='illegible')))
    assert found['feat'].marks == ('illegible', 'from code with uncommitted changes')
    assert found['fdkd'].marks == ('illegible',)


def test_a_matrix_is_compared_with_the_student_alone_in_a_note():
    matrix = replace(plan(row('feat')), matrix=True)
    filler = Filler({row['key']: row for row in [*ALONE, *FEAT]}, job, Path('nowhere'))
    mean = np.mean([row['student']['metrics']['accuracy'] for row in ALONE])
    assert filler.fill(matrix).notes == (f'The student alone: {mean:.1f}.', 'A note.')
    assert filler.fill(matrix).matrix
    assert filler.fill(replace(matrix, matrix=False)).notes == ('A note.',)
    assert Filler({}, job, Path('nowhere')).fill(matrix).notes == ('A note.',)


def test_the_caption_says_what_the_figures_are():
    rows = [*ALONE, FEAT[0] | {'epochs': 5, 'commit': None}]
    caption = fill(rows, row('alone', ranked=False, shown='majority'), row('alone'), row('feat')).caption
    assert caption == (
        'Top-1 accuracy in %, mean and standard deviation over seeds; seeds 0, 1; 3 of 4 runs finished; '
        'epochs: 10, 5; selection: last epoch; device: A processor with a very; commit: 0123456789ab; test samples: 8.'
    )
    smaller = fill(rows, row('feat'), setting={'size': '8x12', 'pretrained': 'none'}).caption
    assert '1 of 2 runs finished; size: 8x12; pretrained: none; epochs: 5; ' in smaller
    nothing = fill([failed('feat', 0)], row('feat')).caption
    assert nothing == 'Figures in %, mean and standard deviation over seeds; seeds 0, 1; 0 of 2 runs finished.'
