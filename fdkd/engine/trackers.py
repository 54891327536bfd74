"""What follows a run from outside: Weights & Biases and MLflow, as backends of MMEngine's visualizer.

They differ from MMEngine's of the same names in three things: a run that is resumed goes on in the run that the tracker
had for it; nothing is sent but figures, pictures and the config (MMEngine's copy every ``.py`` file below the current
folder, and the run's logs); and the names are derived from the config.
"""

import json
import os
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.visualization import vis_backend as mmengine_backends

from fdkd.files import write_json
from fdkd.registry import VISBACKENDS

#: In a work dir: the tracker's run by the tracker's name.
RUNS_FILE = 'trackers.json'


@VISBACKENDS.register_module()
class WandbVisBackend(mmengine_backends.WandbVisBackend):
    """Sends a run to Weights & Biases, or with ``mode='offline'`` writes it into the work dir.

    Args:
        save_dir: Folder of the run's files, which the visualizer fills in.
        init_kwargs: Arguments of ``wandb.init``; ``project`` is ``'fdkd'`` and ``name`` the run's unless they say more.
    """

    def __init__(self, save_dir: str, init_kwargs: dict[str, Any] | None = None) -> None:
        super().__init__(save_dir, dict(init_kwargs or {}))

    def add_config(self, config: Config, **_: Any) -> None:
        """Starts the tracker's run, or continues the one that this run had, and hands it the config."""
        known = known_run(config, 'wandb')
        settings = {'project': 'fdkd', 'name': config.get('experiment_name'), **self._init_kwargs}
        settings |= {'id': known, 'resume': 'allow'} if known else {}
        self._init_kwargs = settings
        run = self.experiment.run
        remember_run(config, 'wandb', run.id)
        run.config.update(config.to_dict(), allow_val_change=True)


@VISBACKENDS.register_module()
class MLflowVisBackend(mmengine_backends.MLflowVisBackend):
    """Sends a run to MLflow: to the server or folder of ``tracking_uri``, of ``$MLFLOW_TRACKING_URI``, or
    ``work_dirs/mlruns``.

    Args:
        save_dir: Folder of the run's files, which the visualizer fills in.
        tracking_uri: As of ``mlflow.set_tracking_uri``.
        exp_name: Name of the experiment.
    """

    def __init__(self, save_dir: str, tracking_uri: str | None = None, exp_name: str = 'fdkd') -> None:
        store = tracking_uri or os.environ.get('MLFLOW_TRACKING_URI') or Path('work_dirs/mlruns').absolute().as_uri()
        if store.startswith('file:'):
            os.environ.setdefault('MLFLOW_ALLOW_FILE_STORE', 'true')  # newer versions ask whether a folder is meant
        super().__init__(save_dir, tracking_uri=store, exp_name=exp_name)

    def add_config(self, config: Config, **_: Any) -> None:
        """Starts the tracker's run, or continues the one that this run had, and hands it the config."""
        mlflow = self.experiment
        run = mlflow.start_run(run_id=known_run(config, 'mlflow'), run_name=config.get('experiment_name'))
        remember_run(config, 'mlflow', run.info.run_id)
        mlflow.set_tag('config', config.filename)
        mlflow.log_params(  # none of which may change, and in a run that is resumed none does
            {
                'config_hash': config.get('config_hash'),
                'data_hash': config.get('data_hash'),
                'seed': config.get('randomness', {}).get('seed'),
            }
        )
        mlflow.log_text(config.pretty_text, 'config.py')

    def close(self) -> None:
        """Ends the tracker's run."""
        if hasattr(self, '_mlflow'):
            self._mlflow.end_run()


def read_runs(path: Path) -> dict[str, str]:
    """The trackers' runs in such a file; empty where it is absent or damaged."""
    try:
        found = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def known_run(config: Config, tracker: str) -> str | None:
    """The tracker's run that belongs to a work dir; ``None`` unless the run is resumed."""
    path = Path(config.work_dir) / RUNS_FILE
    return read_runs(path).get(tracker) if config.get('resume') else None


def remember_run(config: Config, tracker: str, run: str) -> None:
    """Notes the tracker's run in the work dir."""
    path = Path(config.work_dir) / RUNS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {**read_runs(path), tracker: run})
