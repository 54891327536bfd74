"""What each name needs, on the repository's own configs."""

import pytest

from fdkd.apis.options import RunOptions
from fdkd.errors import ConfigError
from fdkd.reproduce.exhibits import EXHIBITS, GROUPS, Exhibit
from fdkd.reproduce.plans import Plan, PlanCell, PlanRow
from fdkd.reproduce.runs import Run, Workshop
from fdkd.reproduce.tables import Protocol
from tests.support.repository import REPOSITORY

ENDS = ('configs/unimodal/grid_audio.py', 'configs/unimodal/grid_visual.py', 'configs/unimodal/grid_clean_audio.py')


@pytest.fixture(scope='module')
def workshop(tmp_path_factory):
    return Workshop(REPOSITORY, RunOptions(data_root=str(tmp_path_factory.mktemp('grid'))))


@pytest.fixture(scope='module')
def grid(workshop):
    return Protocol(workshop, ['grid'], [0, 1])


def test_groups_are_made_of_exhibits():
    assert all(name in EXHIBITS for names in GROUPS.values() for name in names)
    assert not GROUPS.keys() & EXHIBITS.keys()


def test_every_run_once_and_baselines_first():
    a, b, c, d = (Run(name, 0) for name in 'abcd')
    rows = (PlanRow(('x',), (PlanCell((b, a)), None)), PlanRow(('y',), (PlanCell((b,)), PlanCell((c,)))))
    plan = Plan('name', 'title', ('head',), ('p', 'q'), (PlanCell((c,)), PlanCell((a,))), rows)
    assert Exhibit((plan,), runs=(b, d)).all_runs == [c, a, b, d]


@pytest.mark.parametrize('name', [name for name in EXHIBITS if name != 'table2'])
def test_every_exhibit_is_made_of_runs_that_can_be_meant(grid, workshop, name):
    exhibit = EXHIBITS[name](grid, None)
    runs = [run for run in exhibit.all_runs if run.seed in (0, 1000)]
    jobs = [workshop.job(run) for run in runs]
    assert len({job.key for job in jobs}) == len(runs)
    assert bool(runs) == (name != 'fig4')
    assert (exhibit.draw is not None) == name.startswith('fig')


def test_tables_1_and_2_are_of_their_own_data(workshop, grid):
    nyu = Protocol(workshop, ['nyu'], [0])
    with pytest.raises(ConfigError, match='table1: nyu stands in table2'):
        EXHIBITS['table1'](nyu, None)
    with pytest.raises(ConfigError, match='table2: grid stands in table1'):
        EXHIBITS['table2'](grid, None)
    assert EXHIBITS['table2'](nyu, ['feat']).plans[0].name == 'table2'


def test_table_1_takes_the_chosen_methods(grid):
    (plan,) = EXHIBITS['table1'](grid, ['feat']).plans
    assert [row.labels[0] for row in plan.rows] == ['most frequent class', 'the teacher', 'alone', 'Feat']


def test_figures_need_models_that_were_trained_alone(grid):
    assert set(EXHIBITS['fig1'](grid, None).runs) == {Run(config, seed) for config in ENDS for seed in (0, 1)}
    assert set(EXHIBITS['fig2'](grid, None).runs) == {Run(config, 0) for config in ENDS}
    assert EXHIBITS['fig4'](grid, None).all_runs == []


def test_figure_5_is_a_table_for_each_pair(grid):
    names = [plan.name for plan in EXHIBITS['fig5'](grid, None).plans]
    assert names == ['fig5-grid_audio_from_visual', 'fig5-grid_visual_from_audio']


@pytest.mark.parametrize('name', ['fig1', 'fig6'])
def test_figures_of_vectors_refuse_maps(workshop, name):
    with pytest.raises(ConfigError, match=f'{name}: --data nyu'):
        EXHIBITS[name](Protocol(workshop, ['nyu'], [0]), None)


def test_figure_6_needs_two_methods_and_the_teachers(grid):
    runs = EXHIBITS['fig6'](grid, None).runs
    taught = {run.config for run in runs if run.teacher}
    assert taught == {f'configs/{method}/{pair.name}.py' for method in ('feat', 'fdkd') for pair in grid.pairs}
    assert {run.config for run in runs if not run.teacher} == set(ENDS)
    assert {run.seed for run in runs} == {0}
