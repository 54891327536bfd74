"""What is read from the logs of a training."""

import json
import math

import pytest

from fdkd.report.scalars import History, read_history
from tests.report.work_dirs import train_line, write_log


def test_curves_are_in_epochs(tmp_path):
    write_log(tmp_path, [*(train_line(step, loss=float(step)) for step in (2, 4, 6, 8)), {'accuracy': 40.0, 'step': 1}])
    problems = []
    history = read_history(tmp_path, problems)
    assert problems == []
    assert history.epoch_length == 4
    assert history.training_unit == 'epoch'
    assert history.curve('loss') == ((0.5, 2.0), (1.0, 4.0), (1.5, 6.0), (2.0, 8.0))
    assert history.validation_curve('accuracy') == ((1.0, 40.0),)
    assert history.names == ['lr', 'loss', 'loss_ce']
    assert history.metrics == ['accuracy']


def test_the_log_after_resuming_replaces_what_it_repeats(tmp_path):
    first = [*(train_line(step, loss=1.0) for step in (2, 4, 6, 8, 10)), {'accuracy': 1.0, 'step': 1}]
    write_log(tmp_path, [*first, {'accuracy': 2.0, 'step': 2}], '20260101_000000')
    # continues behind epoch 1: the old iterations 6, 8 and 10 and epoch 2 did not happen
    write_log(tmp_path, [train_line(6, loss=6.0), train_line(9, loss=9.0)], '20260102_000000')
    history = read_history(tmp_path, [])
    assert [(line['iter'], line['loss']) for line in history.training] == [(2, 1.0), (4, 1.0), (6, 6.0), (9, 9.0)]
    assert history.validation_curve('accuracy') == ((1.0, 1.0),)


def test_a_repeated_validation_wins(tmp_path):
    write_log(tmp_path, [train_line(4), {'accuracy': 1.0, 'step': 1}], '20260101_000000')
    write_log(tmp_path, [{'accuracy': 3.0, 'step': 1}], '20260102_000000')
    assert read_history(tmp_path, []).validation_curve('accuracy') == ((1.0, 3.0),)


def test_other_folders_are_no_logs(tmp_path):
    write_log(tmp_path, [train_line(4)], 'backup')
    assert read_history(tmp_path, []) == History()


def test_damaged_lines_are_told_and_left_out(tmp_path):
    whole = json.dumps(train_line(4)) + '\n'
    others = ['[1]\n', '{"loss": 1}\n', '{"step": NaN}\n', '\n', '[' * 9999 + '\n', '{"step": 1e999}\n']
    path = write_log(tmp_path, [whole, *others, whole[:30]])
    problems = []
    history = read_history(tmp_path, problems)
    assert len(history.training) == 1
    assert problems == [f'{path}: 6 lines (2, 3, 4, 6, 7 ...) are cut off or damaged; left out']
    write_log(tmp_path, [whole[:30]], '20270101_000000')
    read_history(tmp_path, problems := [])
    assert problems[1].endswith('line 1 is cut off or damaged; left out')


def test_a_loss_that_is_not_finite_is_kept(tmp_path):
    write_log(tmp_path, [train_line(2, loss=math.nan), train_line(4, loss=math.inf)])
    curve = read_history(tmp_path, []).curve('loss')
    assert [x for x, _ in curve] == [2, 4]
    assert math.isnan(curve[0][1])
    assert curve[1][1] == math.inf


@pytest.mark.parametrize(
    ('lines', 'by_epoch', 'unit'),
    [
        ([], False, 'iteration'),
        ([train_line(2), train_line(4)], True, 'iteration'),  # how long an epoch is shows in the second one
        ([{'loss': 1.0, 'iter': 5, 'step': 5}], False, 'iteration'),
        ([train_line(4, 7), train_line(11, 7), train_line(25, 7)], True, 'epoch'),
    ],
)
def test_unit(tmp_path, lines, by_epoch, unit):
    write_log(tmp_path, lines)
    history = read_history(tmp_path, [])
    assert (history.by_epoch, history.training_unit) == (by_epoch, unit)
    if unit == 'epoch':
        assert history.curve('loss')[-1][0] == pytest.approx(25 / 7)
