"""A teacher of the same config whose data were others."""

import json
import os
import shutil
from datetime import datetime, timezone

import pytest
import torch

from fdkd.apis.config import config_hash, load_config, run_name
from fdkd.apis.options import RunOptions
from fdkd.apis.other_data import on_other_data
from fdkd.apis.teacher import complete_teachers, ensure_teacher
from fdkd.datasets.fingerprint import walk
from tests.support.motions import write_configs, write_motions

#: A training that ended an hour before the data set of the test was written, and one that ends long after.
OLD, NEW = '2020-01-01T00:00:00+00:00', '2100-01-01T00:00:00+00:00'


@pytest.fixture
def place(tmp_path):
    """Config of a pair, and its data set, into which nothing has come yet."""
    root = write_motions(tmp_path / 'motions')
    return write_configs(tmp_path, root), root


def teacher_of(config, options=None):
    walk.cache_clear()
    [own] = complete_teachers(load_config(config, options or RunOptions()), options or RunOptions()).values()
    return own


def finish(folder, cfg, **said):
    """What a finished run of ``cfg`` leaves in ``folder``."""
    folder.mkdir(parents=True)
    meta = {'finished': True, 'config_hash': cfg.config_hash}
    torch.save({'meta': meta, 'state_dict': {}}, folder / 'student.pth')
    root = cfg.test_dataloader.dataset.data_root
    results = {
        'config_hash': cfg.config_hash,
        'data_hash': cfg.data_hash,
        'data_root': root,
        'date': OLD,
        'seconds': 1.0,
    }
    (folder / 'results.json').write_text(json.dumps(results | said))


def test_a_file_that_came_into_the_folder_is_named(place, tmp_path):
    config, root = place
    before = teacher_of(config)
    name, runs = run_name(before.filename), tmp_path / 'runs'
    finish(runs / f'{name}-{before.config_hash}', before)
    assert on_other_data(runs, name, before) is None  # the very same data
    (root / 'notes.txt').write_text('a file of no sample')
    other = on_other_data(runs, name, teacher_of(config))
    folder = runs / f'{name}-{before.config_hash}'
    assert other.checkpoint == folder / 'student.pth'
    count = sum(len(files) for _, _, files in os.walk(root))
    assert other.differing.startswith(
        f'{folder} holds this teacher, trained on data with another hash: in {root} files were added, removed or '
        f'changed ({count} of {count} are newer than it: clips.csv, '
    )


def test_what_is_newer_than_the_training_is_counted(place, tmp_path):
    config, root = place
    before = teacher_of(config)
    name, runs = run_name(before.filename), tmp_path / 'runs'
    files = [path for path in root.rglob('*') if path.is_file()]
    start = max(path.stat().st_ctime for path in files) + 1e-4
    finish(runs / name, before, date=datetime.fromtimestamp(start + 5, timezone.utc).isoformat(), seconds=5.0)
    while True:  # until the file system's clock has moved on
        (root / 'notes.txt').write_text('a file of no sample')
        if (root / 'notes.txt').stat().st_ctime > start:
            break
    told = on_other_data(runs, name, teacher_of(config)).differing
    assert told.endswith(f'(1 of {len(files) + 1} are newer than it: notes.txt)')


def test_a_file_that_was_removed_leaves_no_trace(place, tmp_path):
    config, root = place
    (root / 'notes.txt').write_text('a file of no sample')
    before = teacher_of(config)
    name, runs = run_name(before.filename), tmp_path / 'runs'
    finish(runs / name, before, date=NEW)
    (root / 'notes.txt').unlink()
    told = on_other_data(runs, name, teacher_of(config)).differing
    assert told.endswith(f'in {root} files were removed, or replaced by older ones')


def test_data_in_another_folder_are_named(place, tmp_path):
    config, root = place
    before = teacher_of(config)
    name, runs = run_name(before.filename), tmp_path / 'runs'
    finish(runs / name, before)
    shutil.copytree(root, tmp_path / 'copy')
    (tmp_path / 'copy' / 'notes.txt').write_text('a file of no sample')
    other = on_other_data(runs, name, teacher_of(config, RunOptions(data_root=str(tmp_path / 'copy'))))
    assert other.differing.endswith(f'another hash: those in {root}, not those in {tmp_path / "copy"}')


def test_data_for_training_elsewhere_than_those_for_tests(place, tmp_path):
    """results.json names the folder of the test data; the hash is of the training data."""
    config, root = place
    shutil.copytree(root, tmp_path / 'more')
    with (config.parent / 'imu.py').open('a') as file:
        file.write(f"train_dataloader['dataset']['data_root'] = {str(tmp_path / 'more')!r}\n")
    before = teacher_of(config)
    name, runs = run_name(before.filename), tmp_path / 'runs'
    finish(runs / name, before)
    (tmp_path / 'more' / 'notes.txt').write_text('a file of no sample')
    told = on_other_data(runs, name, teacher_of(config)).differing
    assert f'trained on data with another hash: in {tmp_path / "more"} files were added' in told


def test_absent_data_differ_from_nothing(place, tmp_path):
    config, root = place
    before = teacher_of(config)
    name, runs = run_name(before.filename), tmp_path / 'runs'
    finish(runs / name, before)
    root.rename(tmp_path / 'elsewhere')
    absent = teacher_of(config)
    assert absent.data_hash is None
    assert on_other_data(runs, name, absent) is None


@pytest.mark.parametrize(
    'wrong',
    [
        {'date': None},
        {'date': 'yesterday'},
        {'date': 3},
        {'date': '0001-01-01T00:00:00'},
        {'data_root': None},
        {'seconds': None},
        {'seconds': []},
    ],
)
def test_results_without_what_is_told_are_passed_over(place, tmp_path, wrong):
    config, root = place
    before = teacher_of(config)
    name, runs = run_name(before.filename), tmp_path / 'runs'
    finish(runs / name, before, **wrong)
    (root / 'notes.txt').write_text('a file of no sample')
    after = teacher_of(config)
    assert on_other_data(runs, name, after) is None
    said = json.loads((runs / name / 'results.json').read_text())
    (runs / name / 'results.json').write_text(json.dumps({key: said[key] for key in said.keys() - wrong}))
    assert on_other_data(runs, name, after) is None
    finish(runs / f'{name}-whole', before)
    assert on_other_data(runs, name, after).checkpoint == runs / f'{name}-whole' / 'student.pth'


def test_the_newest_of_several_and_none_of_another_kind(place, tmp_path):
    config, root = place
    before = teacher_of(config)
    other_seed = teacher_of(config, RunOptions(seed=5))
    name, runs = run_name(before.filename), tmp_path / 'runs'
    finish(runs / f'{name}-a', before)
    finish(runs / f'{name}-b', before, date=NEW)
    finish(runs / f'{name}-seed', other_seed, date=NEW)
    finish(runs / f'{name}-unfinished', before, date='2200-01-01T00:00:00+00:00')
    torch.save(
        {'meta': {'finished': False, 'config_hash': before.config_hash}}, runs / f'{name}-unfinished/student.pth'
    )
    finish(runs / f'{name}-damaged', before, date='2200-01-01T00:00:00+00:00')
    (runs / f'{name}-damaged' / 'student.pth').write_bytes(b'no checkpoint')
    finish(runs / f'{name}-c', before)
    (runs / f'{name}-c' / 'results.json').write_text('[1')
    (root / 'notes.txt').write_text('a file of no sample')
    after = teacher_of(config)
    assert on_other_data(runs, name, after).checkpoint == runs / f'{name}-b' / 'student.pth'
    shutil.rmtree(runs / f'{name}-b')
    shutil.rmtree(runs / f'{name}-a')
    assert on_other_data(runs, name, after) is None
    assert config_hash(after) == after.config_hash  # nothing was changed by the search


def test_the_training_that_follows_says_so_and_how_to_use_the_other(place, tmp_path, capsys):
    config, root = place
    before = teacher_of(config)
    runs = tmp_path / 'runs'
    folder = runs / f'{run_name(before.filename)}-{before.config_hash}'
    finish(folder, before)
    trained = []

    def ensure():
        walk.cache_clear()
        cfg = load_config(config, RunOptions())
        ensure_teacher(cfg, RunOptions(), None, runs, lambda *given: trained.append(given[-1]))
        return capsys.readouterr().out

    assert ensure() == ''
    assert trained == []
    (root / 'notes.txt').write_text('a file of no sample')
    other, first = ensure().splitlines()
    assert other.startswith(f'{folder} holds this teacher, trained on data with another hash: in {root} files were')
    assert other.endswith(f'; to use it all the same: --teacher {folder}/student.pth')
    assert first.startswith('no trained imu teacher of')
    assert len(trained) == 1
