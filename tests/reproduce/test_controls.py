"""The controls on the repository's own configs: what they change, and that every one of them trains."""

import copy

import pytest
import torch
from mmengine.optim import build_optim_wrapper

from fdkd.apis.benchmark import synthetic_batch
from fdkd.apis.config import load_config
from fdkd.apis.options import RunOptions
from fdkd.apis.teacher import UNTRAINED, complete_teachers
from fdkd.registry import ALGORITHMS
from fdkd.reproduce import controls
from fdkd.reproduce.runs import Run, Workshop
from fdkd.reproduce.tables import Protocol, comparison
from tests.support.repository import REPOSITORY, parsed

BUILDS = (controls.frequency, controls.cutoff, controls.teacher, controls.logarithm)
LOSS = 'model.losses.fdkd'
CLEAN, LIPS = 'configs/unimodal/grid_clean_audio.py', 'configs/unimodal/grid_visual.py'
HELD = (
    ('train_dataloader.dataset.validation', 0.2),
    ('val_dataloader.dataset.validation', 0.2),
    ('test_dataloader.dataset.validation', 0.2),
    ('val_dataloader.dataset.split', 'val'),
    ('test_dataloader.dataset.split', 'val'),
)


@pytest.fixture(scope='module')
def workshop(tmp_path_factory):
    root = tmp_path_factory.mktemp('grid')
    (root / 'digits.csv').write_text('id,label,split\na,1,train\n')
    return Workshop(REPOSITORY, RunOptions(data_root=str(root)))


@pytest.fixture(scope='module')
def protocol(workshop):
    return Protocol(workshop, ['grid'], [0])


def rows(plan):
    return {row.labels: row for row in plan.rows}


def visual(row):
    """The run of the student that sees."""
    return row.cells[1].runs[0]


def taught(*changes, method='fdkd', teacher=None):
    return Run(f'configs/{method}/grid_visual_from_audio.py', 0, changes, teacher or Run(CLEAN, 0))


def test_frequency_replaces_the_split_alone(protocol):
    found = {labels[0]: visual(row) for labels, row in rows(controls.frequency(protocol)).items()}
    assert found['FD-CMKD'] == taught()
    assert found['Feat'] == taught(method='feat')
    assert found['channels in a fixed random order'] == taught((f'{LOSS}.decoupler.type', 'PermutedDecoupler'))
    assert found['a random half of the spectrum'] == taught((f'{LOSS}.decoupler.type', 'RandomBandDecoupler'))


def test_cutoff_is_compared_on_held_out_samples_only(protocol):
    plan = controls.cutoff(protocol)
    held = Run(CLEAN, 0, HELD)
    found = {labels: visual(row) for labels, row in rows(plan).items()}
    decoupler = ((f'{LOSS}.decoupler.type', 'FourierDecoupler'), (f'{LOSS}.decoupler.cutoff', 0.25))
    assert found['vector, channels', '0.25'] == taught(*HELD, *decoupler, teacher=held)
    plain = ((f'{LOSS}.align', False), (f'{LOSS}.band_task', False))
    assert found['vector, channels, no classifiers', '0.5'] == taught(*HELD, *plain, teacher=held)
    assert found['map, positions, no classifiers', '0.5'].changes[len(HELD) :] == (
        *plain,
        (f'{LOSS}.decoupler.type', 'FourierDecoupler'),
        (f'{LOSS}.on', 'map'),
        (f'{LOSS}.decoupler.axes', 'spatial'),
        (f'{LOSS}.connector.type', 'Resize'),
    )
    assert found['alone', ''] == Run(LIPS, 0, HELD)
    assert [cell.runs for cell in plan.baselines] == [cell.runs for cell in plan.rows[0].cells]
    runs = [run for row in plan.rows for cell in row.cells for run in cell.runs]
    assert all(run.changes[: len(HELD)] == HELD for run in runs)
    assert all(run.teacher.changes == HELD for run in runs if run.teacher)


def test_an_official_validation_split_is_not_carved_anew():
    pair = Protocol(Workshop(REPOSITORY), ['ave'], [0])
    plan = controls.cutoff(pair)
    runs = [run for row in plan.rows for cell in row.cells for run in cell.runs]
    assert {run.changes[0] for run in runs} == {('test_dataloader.dataset.split', 'val')}
    assert not any('validation' in key for run in runs for key, _ in run.changes)
    assert {run.teacher.changes for run in runs if run.teacher} == {()}  # shared with the tables


def inapplicable(plan):
    return {labels[0] for labels, row in rows(plan).items() if set(row.cells) == {None}}


def test_controls_of_dense_data():
    nyu = Protocol(Workshop(REPOSITORY), ['nyu'], [0])
    plan = controls.cutoff(nyu)
    assert len(inapplicable(plan)) == len({row.labels[0] for row in plan.rows})  # nothing can be held out
    assert plan.baselines == (None, None)
    assert inapplicable(controls.teacher(nyu)) == {'pairs shuffled within a class'}
    assert inapplicable(controls.frequency(nyu)) == inapplicable(controls.logarithm(nyu)) == set()


def test_controls_of_features_that_differ_in_width():
    crisis = Protocol(Workshop(REPOSITORY), ['crisismmd'], [0])
    assert inapplicable(controls.teacher(crisis)) == {"teacher of the student's modality"}
    maps = {'map, positions, no classifiers', 'map, channels, no classifiers'}
    assert inapplicable(controls.cutoff(crisis)) == maps


def test_teachers_that_know_less(protocol):
    found = {labels[0]: visual(row) for labels, row in rows(controls.teacher(protocol)).items()}
    mispair = 'train_dataloader.dataset.mispair.audio'
    assert found['pairs shuffled within a class'] == taught((mispair, 'class'))
    assert found['pairs shuffled'] == taught((mispair, 'any'))
    assert found['untrained teacher'] == taught(teacher=UNTRAINED)
    same = (('model.teacher.modality', 'visual'), ('model.teacher.config', LIPS))
    assert found["teacher of the student's modality"] == taught(*same, teacher=Run(LIPS, 1000))
    noisy = rows(controls.teacher(protocol))["teacher of the student's modality",].cells[0].runs[0]
    assert dict(noisy.changes)['model.teacher.modality'] == 'noisy'


def test_logarithm_at_an_equal_gradient(protocol):
    found = {labels: visual(row) for labels, row in rows(controls.logarithm(protocol)).items()}
    plain, weight = (f'{LOSS}.log', False), (f'{LOSS}.lambda_high', 0.92)
    assert found['mean (the paper)', 'logMSE'] == taught()
    assert found['mean (the paper)', 'MSE'] == taught(plain)
    assert found['mean (the paper)', 'MSE, equal gradient'] == taught(plain, weight)
    batchmean = (f'{LOSS}.reduction', 'batchmean')
    assert found['batchmean', 'MSE, equal gradient'] == taught(batchmean, plain, weight)


def test_controls_share_runs_with_table_1(protocol):
    table = {run for row in comparison(protocol).rows for cell in row.cells for run in cell.runs}
    for build, own in zip(BUILDS, (2, 9, 4, 4), strict=True):
        mine = {run for row in build(protocol).rows for run in row.cells[1].runs}
        assert len(mine - table) == own


@pytest.mark.parametrize('build', BUILDS, ids=lambda build: build.__name__)
def test_every_run_is_meant_and_comes_back_from_its_arguments(protocol, workshop, monkeypatch, build):
    for row in build(protocol).rows:
        for cell in row.cells:
            job = workshop.job(cell.runs[0])
            config, options, _ = parsed(job.arguments, monkeypatch)
            assert load_config(config, options).config_hash == job.cfg.config_hash, row.labels


def test_without_a_config_a_control_does_not_apply(protocol, monkeypatch):
    monkeypatch.setattr('fdkd.reproduce.pairs.Pair.config', lambda pair, method: None)
    for build in BUILDS:
        assert any(set(row.cells) == {None} for row in build(protocol).rows)


CHANGED = (
    'channels in a fixed random order', 'a random half of the spectrum', 'vector, channels',
    'vector, channels, no classifiers', 'map, positions, no classifiers', 'map, channels, no classifiers',
    'pairs shuffled', "teacher of the student's modality", 'batchmean',
)  # fmt: skip


@pytest.mark.parametrize('name', CHANGED)
def test_every_change_trains_a_step(protocol, workshop, name):
    row = next(row for build in BUILDS for row in build(protocol).rows if row.labels[0] == name)
    cfg = copy.deepcopy(workshop.job(visual(row)).cfg)
    complete_teachers(cfg, workshop.options)
    cfg.model.teacher.checkpoint = None
    torch.manual_seed(0)
    algorithm = ALGORITHMS.build(cfg.model)
    batch = synthetic_batch(algorithm.modalities, algorithm.student.num_classes, (48, 48), 4, dense=False)
    if 'audio' in algorithm.modalities:
        batch['inputs']['audio'] = [torch.randn(1, 129, 33) for _ in batch['inputs']['audio']]
    batch['inputs'] = {name: batch['inputs'][name] for name in algorithm.modalities}
    wrapper = build_optim_wrapper(algorithm, copy.deepcopy(cfg.optim_wrapper))
    total, parts = algorithm.parse_losses(algorithm(**algorithm.data_preprocessor(batch, True), mode='loss'))
    wrapper.update_params(total)
    assert all(torch.isfinite(value).all() for value in parts.values()), parts
    assert any(value > 0 for key, value in parts.items() if 'low' in key), parts
