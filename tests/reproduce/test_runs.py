"""What a run's key holds apart, and that its arguments are the very same run."""

import shutil
from dataclasses import replace

import pytest

from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.apis.teacher import UNTRAINED
from fdkd.datasets.fingerprint import walk
from fdkd.errors import ConfigError, DataError
from fdkd.reproduce.ledger import Ledger
from fdkd.reproduce.runs import Run, Workshop
from tests.support.motions import read_table, write_motions, write_table
from tests.support.repository import DML, FDKD, FEAT, IMAGE, IMU, REPOSITORY, parsed, write_repository

BENCHMARKS = REPOSITORY / 'docs' / 'benchmarks'
PUBLISHED = {
    'grid': (Workshop(REPOSITORY, RunOptions(workers=1)), 6),
    'nyu': (Workshop(REPOSITORY, RunOptions(workers=1, size=(128, 96), pretrained='none'), budget=0.1), 3),
}
TEACHER = Run(IMU, 0)
RUN = Run(FEAT, 0, (), TEACHER)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return write_motions(tmp_path_factory.mktemp('data') / 'motions')


@pytest.fixture(scope='module')
def repository(tmp_path_factory, root):
    return write_repository(tmp_path_factory.mktemp('repository'), root, epochs=4)


@pytest.fixture(scope='module')
def workshop(repository):
    return Workshop(repository)


OTHERS = {
    'config': replace(RUN, config=FDKD),
    'seed': replace(RUN, seed=1),
    'change': replace(RUN, changes=(('model.losses.feat.weight', 2.0),)),
    'test set': replace(RUN, changes=(('test_dataloader.dataset.indices', 3),)),
    'teacher seed': replace(RUN, teacher=Run(IMU, 1)),
    'teacher change': replace(RUN, teacher=Run(IMU, 0, (('optim_wrapper.optimizer.lr', 0.5),))),
    'untrained teacher': replace(RUN, teacher=UNTRAINED),
    'no teacher': Run(IMAGE, 0),
}


def test_every_run_has_a_key_of_its_own(workshop):
    keys = {name: workshop.job(run).key for name, run in {'this': RUN, **OTHERS}.items()}
    assert len(set(keys.values())) == len(keys)
    assert all(len(key) == 12 and int(key, 16) for key in keys.values())


@pytest.mark.parametrize(
    ('options', 'budget', 'same'),
    [
        (RunOptions(workers=1), 1.0, True),
        (RunOptions(batch_size=2), 1.0, False),
        (RunOptions(size=(8, 8)), 1.0, False),
        (RunOptions(amp=True), 1.0, False),
        (RunOptions(), 0.5, False),
        (RunOptions(), 1.01, True),  # 4.04 epochs are 4
    ],
)
def test_options_count_where_they_decide_figures(repository, workshop, options, budget, same):
    other = Workshop(repository, options, budget)
    for run in (RUN, TEACHER):
        assert (other.job(run).key == workshop.job(run).key) == same


def test_moved_data_are_the_same_and_other_labels_are_not(repository, workshop, root, tmp_path):
    moved = shutil.copytree(root, tmp_path / 'moved')
    assert Workshop(repository, RunOptions(data_root=str(moved))).job(RUN).key == workshop.job(RUN).key
    rows = read_table(moved)
    rows[0]['label'] = 'run'
    write_table(moved, rows)
    walk.cache_clear()
    job = Workshop(repository, RunOptions(data_root=str(moved))).job(RUN)
    assert job.key != workshop.job(RUN).key
    assert job.teacher.key != workshop.job(TEACHER).key


def test_a_moved_repository_has_the_same_runs(workshop, root, tmp_path):
    moved = write_repository(tmp_path / 'elsewhere', root, epochs=4)
    assert Workshop(moved).job(RUN).key == workshop.job(RUN).key


def test_the_teacher_is_a_job_too_and_made_once(workshop):
    job = workshop.job(RUN)
    assert job.teacher is workshop.job(TEACHER)
    assert job.teacher.teacher is None
    assert job is workshop.job(Run(FEAT, 0, (), Run(IMU, 0)))


def test_names_say_what_it_is(workshop):
    job = workshop.job(RUN)
    assert job.name == f'feat-tiny_image_from_imu-seed0-{job.key}'
    changed = workshop.job(OTHERS['change'])
    assert changed.name == f'feat-tiny_image_from_imu-changed-seed0-{changed.key}'
    assert '-changed-' in workshop.job(OTHERS['untrained teacher']).name


def test_a_teacher_that_trains_along_is_no_job(workshop):
    job = workshop.job(Run(DML, 0, (), TEACHER))
    assert job.teacher is None
    assert job.key == workshop.job(Run(DML, 0)).key
    assert '--teacher' not in workshop.job(Run(DML, 0, (), UNTRAINED)).arguments


def test_an_untrained_teacher_is_no_job_but_an_argument(workshop):
    job = workshop.job(OTHERS['untrained teacher'])
    assert job.teacher is None
    place = job.arguments.index('--teacher')
    assert job.arguments[place + 1] == UNTRAINED


@pytest.mark.parametrize('run', [Run(DML, 0), replace(RUN, teacher=UNTRAINED)])
def test_the_network_of_a_teacher_that_no_run_trains_counts(workshop, root, tmp_path, run):
    changed = write_repository(tmp_path / 'changed', root, epochs=4)
    config = changed / IMU
    config.write_text(
        config.read_text().replace("imu = dict(type='Classifier', ", "imu = dict(type='Classifier', init_cfg=None, ")
    )
    assert Workshop(changed).job(run).key != workshop.job(run).key


def test_budget_is_a_share_of_the_epochs_and_at_least_one(repository, workshop):
    assert workshop.job(RUN).epochs == 4
    half = Workshop(repository, budget=0.5).job(RUN)
    assert (half.epochs, half.teacher.epochs) == (2, 2)
    assert Workshop(repository, budget=0.01).job(RUN).epochs == 1


@pytest.mark.parametrize('name', ['config', 'seed', 'change', 'test set', 'untrained teacher'])
def test_arguments_make_the_same_run(workshop, monkeypatch, name):
    job = workshop.job(OTHERS[name])
    config, options, rest = parsed(job.arguments, monkeypatch)
    assert load_config(config, options).config_hash == job.cfg.config_hash
    assert load_config(config, options).test_dataloader == job.cfg.test_dataloader
    assert rest['teacher'] == (UNTRAINED if name == 'untrained teacher' else None)


def test_arguments_carry_every_option(repository, root, monkeypatch):
    options = RunOptions(
        data_root=str(root), size=(8, 12), batch_size=3, pretrained='none', text_model='bert', amp=True, workers=1
    )
    job = Workshop(repository, options, budget=0.5).job(OTHERS['change'])
    config, given, rest = parsed(job.arguments, monkeypatch)
    assert given == replace(options, seed=0, epochs=2, cfg_options={'model.losses.feat.weight': 2.0})
    assert load_config(config, given).config_hash == job.cfg.config_hash
    assert (rest['work_dir'], rest['resume']) == (None, False)


def test_the_setting_is_what_decides_figures_and_names_no_folder(workshop, repository, tmp_path):
    assert workshop.setting == {}
    idle = RunOptions(data_root=str(tmp_path), workers=1, cache_teacher=str(tmp_path), seed=3, epochs=2)
    assert Workshop(repository, idle).setting == {}
    options = RunOptions(
        size=(8, 12), batch_size=3, pretrained=str(tmp_path / 'r18.pth'), text_model='a/bert', amp=True
    )
    told = {'size': '8x12', 'batch-size': '3', 'pretrained': 'r18.pth', 'text-model': 'bert', 'amp': 'on'}
    assert Workshop(repository, options).setting == told
    assert Workshop(repository, RunOptions(amp='bf16')).setting == {'amp-dtype': 'bf16'}


def test_weights_count_by_what_is_in_their_file(repository, tmp_path):
    weights = tmp_path / 'weights.pth'
    weights.write_bytes(b'some')
    init = 'model.model.backbone.init_cfg'
    changes = ((f'{init}.type', 'ImageNetInit'), (f'{init}.arch', 'resnet18'), (f'{init}.checkpoint', str(weights)))
    before = Workshop(repository).job(Run(IMAGE, 0, changes)).key
    assert Workshop(repository).job(Run(IMAGE, 0, changes)).key == before
    weights.write_bytes(b'others')
    assert Workshop(repository).job(Run(IMAGE, 0, changes)).key != before


def test_keeping_features_is_an_argument_where_it_serves_and_not_in_the_key(repository, workshop, monkeypatch):
    keeping = Workshop(repository, RunOptions(cache_teacher='kept'))
    for run in (RUN, OTHERS['untrained teacher'], Run(DML, 0), Run(IMAGE, 0)):
        assert keeping.job(run).key == workshop.job(run).key
        _, options, _ = parsed(keeping.job(run).arguments, monkeypatch)
        assert options.cache_teacher == ('kept' if run.config == FEAT else None)


@pytest.mark.parametrize('name', PUBLISHED)
def test_published_rows_are_still_found(monkeypatch, name):
    """Keys that changed would leave every figure of docs/findings.md without its run."""
    published, least = PUBLISHED[name]
    rows = {row['key']: row for row in Ledger(BENCHMARKS / name / 'ledger.jsonl').rows()}
    monkeypatch.setattr('fdkd.apis.config.data_hash', lambda *_: next(iter(rows.values()))['data_hash'])

    def run_of(row):
        untrained = UNTRAINED if f'--teacher {UNTRAINED}' in row['command'] else None
        teacher = run_of(rows[row['teacher_key']]) if row['teacher_key'] else untrained
        return Run(row['config'], row['seed'], tuple(row['changes'].items()), teacher)

    kinds = {
        (method, len(row['changes']), bool(row['teacher_key'])): row
        for row in rows.values()
        if (method := row['config'].split('/')[1]) in ('unimodal', 'feat', 'fdkd', 'dml')
    }
    assert len(kinds) >= least
    for row in kinds.values():
        assert published.job(run_of(row)).key == row['key'], f'{row["name"]} would have to run again'


def test_absent_data_are_an_error(repository, tmp_path):
    gone = tmp_path / 'gone'
    with pytest.raises(DataError, match=f'{gone}: no such folder'):
        Workshop(repository, RunOptions(data_root=str(gone))).job(RUN)


def test_a_config_that_cannot_be_is_an_error(workshop):
    with pytest.raises(ConfigError, match=r'configs/feat/none\.py: no such config file'):
        workshop.job(Run('configs/feat/none.py', 0))
    with pytest.raises(ConfigError, match='weigth'):
        workshop.job(Run(FDKD, 0, (('model.losses.fdkd.weigth', 1),)))
