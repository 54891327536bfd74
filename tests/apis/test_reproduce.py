"""The whole way on two sensors that are made up: from the name of a table to its files, and what is told on the way."""

import csv
import json
import shutil
from types import SimpleNamespace

import pytest

from fdkd.apis.options import RunOptions
from fdkd.apis.reproduce import Reproduction
from fdkd.errors import ConfigError, DataError
from fdkd.reproduce import execute
from fdkd.reproduce.ledger import Ledger
from tests.support.jobs import COMMAND
from tests.support.motions import write_motions
from tests.support.processes import Script
from tests.support.repository import write_repository


@pytest.fixture
def place(tmp_path):
    return write_repository(tmp_path / 'repository', write_motions(tmp_path / 'motions'))


@pytest.fixture
def ask(tmp_path, place):
    """Asks for Table 1 of the made-up data unless told otherwise."""

    def ask(*names, data=('tiny',), seeds=(0,), methods=('feat',), **rest):
        names = names or ('table1',)
        chosen = methods if {'table1', 'table2'} & {*names} else None
        return Reproduction(names, data, seeds, tmp_path / 'out', place, chosen, **rest)

    return ask


def add_gone(tmp_path, place):
    """A second data set, whose folder does not exist."""
    write_repository(place, tmp_path / 'nowhere', data='gone')


def test_from_a_name_to_its_files(tmp_path, place, ask, capsys, monkeypatch):
    monkeypatch.setattr(execute, 'subprocess', SimpleNamespace(Popen=Script, DEVNULL=None, STDOUT=None))
    out = tmp_path / 'out'
    names = ('table1', 'fig1', 'fig2', 'fig4')
    prepared = ask(*names).prepare()
    listed = prepared.list_runs(1)
    assert listed.count('to do') == 4
    assert listed.endswith('3 of 3 runs to do, 1 at a time: unknown')
    assert not out.exists()

    assert prepared.run(1) == {}
    (table,) = prepared.tables()
    printed = capsys.readouterr().out
    assert printed.count('done: ') == 3
    stages = ['3 of 3 runs to do', 'done: unimodal-tiny_imu', 'done: feat-tiny', 'Table 1', 'written: ', 'drawn: ']
    places = [printed.index(stage) for stage in stages]
    assert places == sorted(places)
    assert {path.name for path in out.iterdir()} == {'ledger.jsonl', 'runs', 'tiny-feat'}
    assert {path.name for path in (out / 'tiny-feat').iterdir()} == {
        'table1.md', 'table1.csv', 'table1.tex', 'table1.png', 'fig1.png', 'fig1.json', 'fig2.png', 'fig2.json',
        'fig4.png',
    }  # fmt: skip

    rows = {row['name'].split('-seed')[0]: row for row in Ledger(out / 'ledger.jsonl').rows()}
    assert set(rows) == {'unimodal-tiny_imu', 'unimodal-tiny_image', 'feat-tiny_image_from_imu'}
    for labels, name in (('the teacher', 'imu'), ('alone', 'image'), ('Feat', None)):
        row = next(row for row in table.rows if row.labels == (labels,))
        found = rows[f'unimodal-tiny_{name}' if name else 'feat-tiny_image_from_imu']
        assert row.cells[0].values == (found['student']['metrics']['accuracy'],)
    majority, *_, feat = (row.cells[0] for row in table.rows)
    assert majority.values == (pytest.approx(100 / 3),)
    assert feat.comparison.over_samples is not None
    student = rows['feat-tiny_image_from_imu']
    assert student['teacher_key'] == rows['unimodal-tiny_imu']['key']
    assert student['teacher']['metrics'] == rows['unimodal-tiny_imu']['student']['metrics']
    kept = {path.suffix for path in (out / 'runs' / student['name']).iterdir()}
    assert not list((out / 'runs').glob('*/epoch_*.pth'))
    assert {'.pth', '.json', '.csv', '.log', '.py'} <= kept
    with (out / 'tiny-feat' / 'table1.csv').open(newline='') as file:
        assert 'Feat' in {value for line in csv.reader(file) for value in line}
    assert list(json.loads((out / 'tiny-feat' / 'fig1.json').read_text())['cka']) == ['tiny: image, imu']

    # Again, with data that are not there, and with a line that someone changed.
    capsys.readouterr()
    add_gone(tmp_path, place)
    ledger = out / 'ledger.jsonl'
    ledger.write_text(ledger.read_text() + 'a line that is none\n')
    again = ask(data=('tiny', 'gone'), methods=('feat', 'dml')).prepare()
    printed = capsys.readouterr().out
    assert f'{ledger}, line 4: skipped, no JSON' in printed
    assert 'blocked: 4 runs, for example configs/unimodal/gone_image.py: ' in printed
    assert f'{tmp_path / "nowhere"}: no such folder' in printed
    assert [job.name.split('-')[0] for job in again.missing] == ['dml']
    same = ask(data=('tiny', 'gone')).prepare()
    listed = same.list_runs(1)
    assert listed.count('done') == 3
    assert listed.endswith('0 of 6 runs to do; 3 are blocked')
    lines = [line.split('|')[1:-1] for line in listed.splitlines() if 'blocked' in line][:-1]
    assert [[word.strip() for word in line] for line in lines] == [
        [f'{name}-seed0', '1', 'blocked', 'unknown']
        for name in ('unimodal-gone_image', 'unimodal-gone_imu', 'feat-gone_image_from_imu')
    ]
    capsys.readouterr()
    assert same.run(1) == {}
    (table,) = same.tables()
    assert 'done: ' not in capsys.readouterr().out
    assert table.columns == ('tiny image', 'gone image')
    tiny, gone = table.rows[-1].cells
    assert (tiny.finished, gone.values, gone.planned) == (True, (), 1)
    assert [row['status'] for row in Ledger(ledger).rows()] == ['done'] * 3

    # A figure needs weights, which a ledger from elsewhere does not bring along.
    shutil.rmtree(out / 'runs' / rows['unimodal-tiny_image']['name'])
    assert ask().prepare().missing == []
    assert [job.name.split('-seed')[0] for job in ask('fig1').prepare().missing] == ['unimodal-tiny_image']


def test_tables_of_other_options_lie_apart_and_say_so(tmp_path, ask):
    options = RunOptions(batch_size=3, workers=0)
    (table,) = ask(options=options, budget=0.5).prepare().tables()
    assert '0 of 3 runs finished; batch-size: 3.' in table.caption
    folder = tmp_path / 'out' / 'tiny-feat-batch-size-3-budget-0.5'
    assert {path.suffix for path in folder.iterdir()} == {'.md', '.csv', '.tex', '.png'}
    assert table.caption in (folder / 'table1.md').read_text()


def test_a_failure_is_told_and_its_figures_are_not_drawn(ask, monkeypatch, capsys):
    monkeypatch.setattr('fdkd.apis.reproduce.train_command', lambda repository: [*COMMAND[:2], '-c', 'raise OSError'])
    prepared = ask('fig1', 'table1').prepare()
    failed = prepared.run(2)
    assert {name.split('-seed')[0] for name in failed} == {
        'unimodal-tiny_imu', 'unimodal-tiny_image', 'feat-tiny_image_from_imu',
    }  # fmt: skip
    (table,) = prepared.tables()
    printed = capsys.readouterr().out
    assert 'fig1: not drawn, 2 runs are not done, for example configs/unimodal/tiny_image.py' in printed
    assert 'OSError' in printed
    assert [row.cells[0].failed for row in table.rows] == [1, 1, 1, 0]
    listed = ask().prepare().list_runs(1)
    assert listed.count('failed, again') == 2


def test_half_trained_weights_are_not_drawn(ask, capsys):
    prepared = ask('fig2').prepare()
    for job in prepared.jobs:
        folder = prepared.asked.root / 'runs' / job.name
        folder.mkdir(parents=True)
        (folder / 'student.pth').write_text('of an epoch that was not the last')
    prepared.tables()
    assert 'fig2: not drawn, 2 runs are not done' in capsys.readouterr().out


def test_a_figure_without_runs_makes_its_folder(tmp_path, ask, capsys):
    assert ask('fig4').prepare().tables() == []
    assert (tmp_path / 'out' / 'tiny' / 'fig4.png').is_file()


def test_a_picture_that_fails_leaves_the_rest(ask, capsys):
    prepared = ask('fig4', 'table1').prepare()

    def fails(*given):
        raise DataError('not to be drawn')

    object.__setattr__(prepared.exhibits['fig4'], 'draw', fails)
    (table,) = prepared.tables()
    assert 'fig4: not drawn: not to be drawn' in capsys.readouterr().out
    assert table.title.startswith('Table 1')


def test_a_table_whose_data_are_gone_does_not_replace_an_older_one(tmp_path, place, ask, capsys):
    add_gone(tmp_path, place)
    older = tmp_path / 'out' / 'gone-feat' / 'table1.md'
    older.parent.mkdir(parents=True)
    older.write_text('older')
    ask(data=('gone',)).prepare().tables()
    assert older.read_text() == 'older'
    assert 'written' not in capsys.readouterr().out


def test_a_group_is_several_tables_whose_runs_are_shared(ask):
    prepared = ask('controls', 'log').prepare()
    assert list(prepared.exhibits) == ['frequency', 'cutoff', 'teacher', 'log']
    runs = [run for exhibit in prepared.exhibits.values() for run in exhibit.all_runs]
    assert len(prepared.jobs) == len({job.key for job in prepared.jobs}) < len(runs)
    places = {job.key: place for place, job in enumerate(prepared.jobs)}
    assert all(places[job.teacher.key] < places[job.key] for job in prepared.jobs if job.teacher)


def test_options_and_budget_reach_every_run(ask):
    prepared = ask(options=RunOptions(batch_size=2), budget=3.0).prepare()
    assert {job.cfg.train_dataloader.batch_size for job in prepared.jobs} == {2}
    assert {job.epochs for job in prepared.jobs} == {3}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'budget': 0}, '--budget 0: expected a share of the epochs above 0'),
        ({'budget': float('inf')}, '--budget inf'),
        ({'budget': float('nan')}, '--budget nan'),
        ({'seeds': (1, 0, 1)}, '--seeds 1 0 1: one of them is there twice'),
        ({'data': ('tiny', 'tiny')}, '--data tiny tiny: one of them is there twice'),
        (
            {'data': ('tiny', 'gone'), 'options': RunOptions(data_root='here')},
            '--data-root here: one folder for 2 data',
        ),
        ({'methods': ('feat', 'feat')}, '--methods feat feat: one of them is there twice'),
    ],
)
def test_what_cannot_be_asked(ask, changes, message):
    with pytest.raises(ConfigError, match=message):
        ask(**changes)


@pytest.mark.parametrize(
    ('names', 'changes', 'message'),
    [
        (('table9',), {}, 'table9: no such table or figure; there are table1, .*, controls'),
        ((), {'data': ('tiy',)}, '--data tiy: no config is called after it; the data sets are tiny'),
        ((), {'methods': ('fcd',)}, '--methods fcd: no config on tiny; there are dml, feat, fdkd'),
        (('table2',), {}, 'table2: tiny stands in table1'),
    ],
)
def test_what_does_not_exist(ask, names, changes, message):
    with pytest.raises(ConfigError, match=message):
        ask(*names, **changes).prepare()


def test_methods_where_nothing_takes_them_are_refused(tmp_path, place):
    asked = Reproduction(('table4', 'log'), ('tiny',), (0,), tmp_path / 'out', place, ('feat', 'fdkd'))
    with pytest.raises(ConfigError, match=r'--methods feat fdkd: only table1 and table2 take methods, .* table4, log'):
        asked.prepare()


def test_blocked_and_failed_runs_are_counted(tmp_path, place, ask):
    assert ask().prepare().shortfall({}) is None
    add_gone(tmp_path, place)
    prepared = ask(data=('tiny', 'gone')).prepare()
    assert prepared.shortfall({}) == 'of 6 runs, 3 blocked: the same command tries them again'
    assert prepared.shortfall({'a': ''}) == 'of 6 runs, 1 failed and 3 blocked: the same command tries them again'


def test_stopped_runs_are_counted_and_to_do(ask, monkeypatch, capsys):
    monkeypatch.setattr('fdkd.apis.reproduce.train_command', lambda _: [*COMMAND[:2], '-c', 'raise SystemExit(75)'])
    prepared = ask().prepare()
    assert prepared.run(2) == {}
    assert capsys.readouterr().out.count('stopped: ') == 3
    assert prepared.shortfall({}) == 'of 3 runs, 3 stopped or waiting: the same command continues them'
    assert (
        prepared.shortfall({'a': ''})
        == 'of 3 runs, 1 failed and 3 stopped or waiting: the same command tries them again'
    )
    assert ask().prepare().list_runs(1).count('to do') == 4
    (table,) = prepared.tables()
    assert [row.cells[0].failed for row in table.rows] == [0, 0, 0, 0]
