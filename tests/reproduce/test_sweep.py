"""Figure 5's matrix."""

import pytest

from fdkd.reproduce.runs import Run, Workshop
from fdkd.reproduce.sweep import LAMBDAS, sweep
from fdkd.reproduce.tables import Protocol
from tests.support.repository import REPOSITORY

LOW, HIGH = 'model.losses.fdkd.lambda_low', 'model.losses.fdkd.lambda_high'


@pytest.fixture(scope='module')
def plan():
    protocol = Protocol(Workshop(REPOSITORY), ['grid'], [5])
    return sweep(protocol, protocol.pairs[1])


def run(*changes):
    teacher = Run('configs/unimodal/grid_clean_audio.py', 5)
    return Run('configs/fdkd/grid_visual_from_audio.py', 5, changes, teacher)


def test_low_goes_down_and_high_across(plan):
    assert plan.name == 'fig5-grid_visual_from_audio'
    assert plan.columns == tuple(f'lambda 2 = {value}' for value in LAMBDAS)
    assert [row.labels for row in plan.rows] == [(str(value),) for value in LAMBDAS]
    cells = {
        (low, high): cell.runs
        for low, row in zip(LAMBDAS, plan.rows, strict=True)
        for high, cell in zip(LAMBDAS, row.cells, strict=True)
    }
    assert cells[0.5, 3.0] == (run((LOW, 0.5), (HIGH, 3.0)),)
    assert cells[5.0, 1.0] == (run((LOW, 5.0)),)
    assert cells[1.0, 0.5] == (run((HIGH, 0.5)),)
    assert cells[1.0, 1.0] == (run(),)  # the run of Table 1
    assert len(set(cells.values())) == 16


def test_all_columns_have_one_baseline(plan):
    assert plan.matrix
    assert [cell.runs for cell in plan.baselines] == [(Run('configs/unimodal/grid_visual.py', 5),)] * 4
