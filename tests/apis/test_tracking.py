"""Trackers: which a config names, and what their local stores hold of a run."""

import importlib.util
import json

import pytest
from mmengine.config import Config

from fdkd.apis.options import RunOptions
from fdkd.apis.tracking import add_trackers
from fdkd.apis.train import train
from fdkd.errors import ConfigError
from tests.support.motions import write_configs, write_motions

PICTURES = {'confusion.png', 'samples.png'}


def config(*backends, **settings):
    return Config({'visualizer': {'vis_backends': [{'type': name} for name in backends]}, **settings})


def types(cfg):
    return [backend['type'] for backend in cfg.visualizer.vis_backends]


def installed(monkeypatch, *names):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: object() if name in names else None)


def test_tensorboard_comes_where_it_is_installed(monkeypatch):
    installed(monkeypatch)
    add_trackers(cfg := config('LocalVisBackend'))
    assert types(cfg) == ['LocalVisBackend']
    installed(monkeypatch, 'tensorboard')
    add_trackers(cfg)
    add_trackers(cfg)
    assert types(cfg) == ['LocalVisBackend', 'TensorboardVisBackend']
    add_trackers(Config({}))  # without a visualizer there is nothing to add to


def test_trackers_by_name(monkeypatch):
    installed(monkeypatch, 'wandb', 'mlflow')
    add_trackers(cfg := config('LocalVisBackend', track='wandb'))
    assert types(cfg) == ['LocalVisBackend', 'WandbVisBackend']
    add_trackers(cfg := config('MLflowVisBackend', track=['wandb', 'mlflow']))
    assert types(cfg) == ['MLflowVisBackend', 'WandbVisBackend']


def test_a_missing_package_and_an_unknown_name(monkeypatch):
    installed(monkeypatch, 'tensorboard')
    with pytest.raises(ConfigError, match='MLflowVisBackend needs mlflow, which is not installed: pip install ml'):
        add_trackers(config(track='mlflow'))
    with pytest.raises(ConfigError, match='WandbVisBackend needs wandb'):
        add_trackers(config('fdkd.WandbVisBackend'))
    with pytest.raises(ConfigError, match="track='comet': no such tracker; expected some of tensorboard, wandb"):
        add_trackers(config(track=['comet']))
    with pytest.raises(ConfigError, match=r'track: the config has no visualizer\.vis_backends'):
        add_trackers(Config({'track': 'wandb'}))


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A run of one epoch, and the same again, resumed, followed by all three trackers."""
    for package in ('wandb', 'mlflow'):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp('tracked')
    write_configs(folder, write_motions(folder / 'data'))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in (('WANDB_MODE', 'offline'), ('WANDB_SILENT', 'true'), ('WANDB_DIR', str(folder))):
            patch.setenv(name, value)
        patch.setenv('MLFLOW_TRACKING_URI', (folder / 'mlruns').as_uri())
        work_dir, runs = folder / 'run', []
        options = RunOptions(cfg_options={'track': ['wandb', 'mlflow']})
        for resume in (False, True):
            results = train(folder / 'imu.py', options, work_dir=work_dir, resume=resume)
            runs.append(json.loads((work_dir / 'trackers.json').read_text()))
    return folder, runs, results


def test_a_resumed_run_goes_on_in_the_same_runs(run):
    _, (first, second), _ = run
    assert set(first) == {'wandb', 'mlflow'}
    assert first == second


def test_mlflow_has_losses_figures_pictures_and_the_config(run):
    from mlflow import MlflowClient

    folder, (runs, _), results = run
    client = MlflowClient((folder / 'mlruns').as_uri())
    [experiment] = [one for one in client.search_experiments() if one.name == 'fdkd']
    [found] = client.search_runs([experiment.experiment_id])
    assert found.info.run_id == runs['mlflow']
    assert found.info.status == 'FINISHED'
    assert found.data.params['config_hash'] == Config.fromfile(folder / 'run' / 'imu.py').config_hash
    assert {'loss_ce', 'loss', 'lr'} <= set(found.data.metrics)
    assert found.data.metrics['final/student/accuracy'] == results['student']['metrics']['accuracy']
    files = {file.path for file in client.list_artifacts(runs['mlflow'])}
    assert files == {'config.py', *PICTURES}


def test_wandb_has_one_run_of_two_parts(run):
    folder, (runs, _), _ = run
    files = list(folder.rglob(f'run-{runs["wandb"]}.wandb'))
    assert len(files) == 2
    assert all(file.stat().st_size for file in files)
    pictures = {file.name.split('.png')[0] + '.png' for file in folder.rglob('media/images/*.png')}
    assert pictures == PICTURES
    assert not list(folder.rglob('files/code'))  # what lies around is not sent


def test_tensorboard_has_losses_figures_and_pictures(run):
    accumulator = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    folder, _, _ = run
    tags = {'scalars': set(), 'images': set()}
    for file in sorted(folder.rglob('events.out.tfevents.*')):
        events = accumulator.EventAccumulator(str(file)).Reload()
        for kind in tags:
            tags[kind] |= set(events.Tags()[kind])
    assert {'loss_ce', 'loss', 'final/student/accuracy'} <= tags['scalars']
    assert tags['images'] == PICTURES
