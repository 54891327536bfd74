"""The paper's tables, planned on the repository's own configs."""

from dataclasses import replace

import pytest

from fdkd.errors import ConfigError
from fdkd.reproduce.runs import Run, Workshop
from fdkd.reproduce.tables import ABLATION, Protocol, ablation, bands, comparison
from tests.support.repository import REPOSITORY


@pytest.fixture(scope='module')
def workshop():
    return Workshop(REPOSITORY)


@pytest.fixture(scope='module')
def grid(workshop):
    return Protocol(workshop, ['grid'], [0, 3])


@pytest.fixture(scope='module')
def cremad(workshop):
    return Protocol(workshop, ['cremad'], [0])


def rows(plan):
    return {row.labels: row for row in plan.rows}


def taught(method, *changes, seed=0):
    """The GRID student that sees."""
    config = f'configs/{method}/grid_visual_from_audio.py'
    return Run(config, seed, changes, Run('configs/unimodal/grid_clean_audio.py', seed))


def test_table_1_has_every_method_in_the_papers_order(grid):
    plan = comparison(grid)
    assert plan.name == 'table1'
    assert plan.heads == ('method',)
    assert plan.columns == ('grid audio', 'grid visual')
    assert [row.labels[0] for row in plan.rows] == [
        'most frequent class', 'the teacher', 'alone', 'Logit', 'DIST', 'DML', 'NKD', 'DKD', 'Feat', 'PKD', 'OFD',
        'AFD', 'C2KD', 'FAM-KD', 'RKD', 'ReviewKD', 'FreeKD', 'FD-CMKD',
    ]  # fmt: skip
    assert all(cell and len(cell.runs) == 2 for row in plan.rows for cell in row.cells)
    assert [row.ranked for row in plan.rows] == [False, False] + [True] * 16
    assert {cell.paper for row in plan.rows for cell in row.cells} == {None}


def test_the_runs_behind_rows(grid):
    plan = comparison(grid)
    found = {labels: row.cells[1].runs for (labels,), row in rows(plan).items()}
    alone = (Run('configs/unimodal/grid_visual.py', 0), Run('configs/unimodal/grid_visual.py', 3))
    assert found['alone'] == alone == plan.baselines[1].runs == found['most frequent class']
    assert rows(plan)['most frequent class',].cells[1].shown == 'majority'
    teacher = 'configs/unimodal/grid_clean_audio.py'
    assert found['the teacher'] == (Run(teacher, 0), Run(teacher, 3))
    assert found['OFD'] == (taught('ofd'), taught('ofd', seed=3))


def test_chosen_methods_keep_their_references(grid):
    plan = comparison(grid, ['fdkd', 'feat'])
    labels = [row.labels[0] for row in plan.rows]
    assert labels == ['most frequent class', 'the teacher', 'alone', 'FD-CMKD', 'Feat']


def test_unknown_methods_say_what_there_is(grid):
    with pytest.raises(ConfigError, match=r'--methods fcd: no config on grid; there are logit, dist, .*, fdkd'):
        comparison(grid, ['feat', 'fcd'])


def test_a_row_does_not_apply_where_there_is_no_config(workshop):
    plan = comparison(Protocol(workshop, ['grid', 'crisismmd'], [0]))
    assert plan.columns == ('grid audio', 'grid visual', 'crisismmd text', 'crisismmd image')
    applies = {labels: [cell is not None for cell in row.cells] for (labels,), row in rows(plan).items()}
    assert applies['AFD'] == [True, True, False, False]
    assert applies['OFD'] == [True, True, True, False]
    assert applies['FD-CMKD'] == [True] * 4


def test_the_papers_figures_stand_in_their_cells(cremad):
    found = rows(comparison(cremad))
    assert [cell.paper for cell in found['FD-CMKD',].cells] == [64.1, 71.0]
    assert [cell.paper for cell in found['alone',].cells] == [62.4, 66.8]
    assert [cell.paper for cell in found['RKD',].cells] == [None, None]
    assert [cell.paper for cell in found['the teacher',].cells] == [None, None]
    parts = rows(ablation(cremad))
    assert [cell.paper for cell in parts['x', '', 'x', ''].cells] == [62.2, 70.0]
    assert [cell.paper for cell in rows(bands(cremad))['x', ''].cells] == [62.4, 67.5]


def test_what_is_illegible_in_the_paper_is_a_note(workshop):
    text, image = rows(comparison(Protocol(workshop, ['crisismmd'], [0])))['Logit',].cells
    assert (text.paper, text.note) == (78.5, None)
    assert image.paper is None
    assert image.note == 'the paper has a figure from 70.0 to 70.9 here; its decimal was not legible'


def test_table_2_is_of_dense_data(workshop):
    plan = comparison(Protocol(workshop, ['nyu'], [0]))
    assert plan.name == 'table2'
    assert plan.columns == ('nyu depth', 'nyu rgb')
    found = rows(plan)
    assert ('most frequent class',) not in found
    assert [cell.paper for cell in found['FD-CMKD',].cells] == [33.2, 36.9]
    assert found['CWD',].cells[0].runs[0].config == 'configs/cwd/nyu_depth_from_rgb.py'


def test_pixels_have_no_most_frequent_class(workshop):
    plan = comparison(Protocol(workshop, ['grid', 'nyu'], [0]), ['feat'])
    assert plan.name == 'table1'
    cells = rows(plan)['most frequent class',].cells
    assert [cell is not None for cell in cells] == [True, True, False, False]


def test_table_3_switches_parts_off(grid):
    plan = ablation(grid)
    assert plan.heads == ('Freq', 'Align', 'Scale', 'Log')
    assert [row.labels for row in plan.rows[:3]] == [
        ('most frequent class', '', '', ''), ('the teacher', '', '', ''), ('alone', '', '', ''),
    ]  # fmt: skip
    assert plan.baseline_row == 2
    assert [row.labels for row in plan.rows[3:]] == [tuple('x' if on else '' for on in row) for row in ABLATION]
    first = {labels: row.cells[1].runs[0] for labels, row in rows(plan).items()}
    loss = 'model.losses.fdkd'
    assert first['', '', '', ''] == taught('feat')
    assert first['x', '', '', ''] == taught(
        'fdkd', (f'{loss}.align', False), (f'{loss}.scale', False), (f'{loss}.log', False)
    )
    assert first['', 'x', '', ''] == taught(
        'fdkd', (f'{loss}.freq', False), (f'{loss}.scale', False), (f'{loss}.log', False)
    )
    assert first['x', '', 'x', ''] == taught('fdkd', (f'{loss}.align', False), (f'{loss}.log', False))
    assert first['x', 'x', 'x', ''] == taught('fdkd', (f'{loss}.log', False))
    assert first['x', 'x', 'x', 'x'] == taught('fdkd')


def test_table_3_is_not_for_pixels(workshop):
    with pytest.raises(ConfigError, match='table3: --data nyu'):
        ablation(Protocol(workshop, ['grid', 'nyu'], [0]))


def test_table_4_leaves_a_band_out(grid):
    first = {labels: row.cells[1].runs[0] for labels, row in rows(bands(grid)).items()}
    assert first['x', ''] == taught('fdkd', ('model.losses.fdkd.lambda_low', 0.0))
    assert first['', 'x'] == taught('fdkd', ('model.losses.fdkd.lambda_high', 0.0))
    assert first['x', 'x'] == taught('fdkd')


def test_a_student_with_several_teachers_has_a_column_for_each(workshop):
    protocol = Protocol(workshop, ['grid'], [0])
    protocol.pairs = [protocol.pairs[1], replace(protocol.pairs[1], teacher='touch')]
    assert bands(protocol).columns == ('grid_visual_from_audio', 'grid_visual_from_touch')


def test_tables_share_runs(grid):
    one, three, four = comparison(grid), ablation(grid), bands(grid)
    whole = rows(one)['FD-CMKD',].cells
    for other in (rows(three)['x', 'x', 'x', 'x'], rows(four)['x', 'x']):
        assert [cell.runs for cell in other.cells] == [cell.runs for cell in whole]
    assert [cell.runs for cell in rows(three)['', '', '', ''].cells] == [cell.runs for cell in rows(one)['Feat',].cells]
