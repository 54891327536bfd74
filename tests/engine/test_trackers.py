"""In which of a tracker's runs a run goes on."""

from mmengine.config import Config

from fdkd.engine.trackers import MLflowVisBackend, WandbVisBackend, known_run, read_runs, remember_run
from fdkd.registry import VISBACKENDS


def test_only_a_resumed_run_goes_on(tmp_path):
    first, resumed = (Config({'work_dir': str(tmp_path / 'run'), 'resume': resume}) for resume in (False, True))
    assert known_run(resumed, 'wandb') is None
    remember_run(first, 'wandb', 'abc')
    remember_run(first, 'mlflow', 'def')
    assert known_run(first, 'wandb') is None
    assert (known_run(resumed, 'wandb'), known_run(resumed, 'mlflow')) == ('abc', 'def')


def test_a_damaged_file_is_no_run(tmp_path):
    path = tmp_path / 'trackers.json'
    for text in ('{', '[1]', ''):
        path.write_text(text)
        assert read_runs(path) == {}


def test_a_config_names_these():
    assert VISBACKENDS.get('WandbVisBackend') is WandbVisBackend
    assert VISBACKENDS.get('MLflowVisBackend') is MLflowVisBackend


def test_where_mlflow_writes(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('MLFLOW_TRACKING_URI', raising=False)
    assert MLflowVisBackend('x')._tracking_uri == (tmp_path / 'work_dirs' / 'mlruns').as_uri()
    monkeypatch.setenv('MLFLOW_TRACKING_URI', 'http://there')
    assert MLflowVisBackend('x')._tracking_uri == 'http://there'
    assert MLflowVisBackend('x', tracking_uri='http://here')._tracking_uri == 'http://here'
