"""Following runs: which trackers a config names, and what of the report they get."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any

import mmcv
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from mmengine.visualization import LocalVisBackend

from fdkd.errors import ConfigError

#: By the name that a config gives a tracker: its backend, the module that it needs, and what is to be installed.
TRACKERS = {
    'tensorboard': ('TensorboardVisBackend', 'tensorboard', 'tensorboard'),
    'wandb': ('WandbVisBackend', 'wandb', 'wandb'),
    'mlflow': ('MLflowVisBackend', 'mlflow', 'mlflow-skinny'),
}


def add_trackers(cfg: Config) -> None:
    """Adds what a config's ``track`` names, one tracker or several, and TensorBoard where it is installed.

    Raises:
        ConfigError: If there is no such tracker, or its package is not installed.
    """
    backends = cfg.get('visualizer', {}).get('vis_backends')
    asked = cfg.get('track') or []
    asked = [asked] if isinstance(asked, str) else list(asked)
    if unknown := [name for name in asked if name not in TRACKERS]:
        raise ConfigError(f'track={unknown[0]!r}: no such tracker; expected some of {", ".join(TRACKERS)}')
    if asked and backends is None:
        raise ConfigError('track: the config has no visualizer.vis_backends, as default_runtime.py has')
    if backends is None:
        return
    there = {str(backend['type']).rpartition('.')[2] for backend in backends}
    if importlib.util.find_spec('tensorboard'):
        asked.append('tensorboard')
    for name in dict.fromkeys(asked):
        if TRACKERS[name][0] not in there:
            backends.append({'type': TRACKERS[name][0]})
            there.add(TRACKERS[name][0])
    for backend, module, package in TRACKERS.values():
        if backend in there and importlib.util.find_spec(module) is None:
            raise ConfigError(f'{backend} needs {module}, which is not installed: pip install {package}')


@contextmanager
def tracked(runner: Runner) -> Iterator[None]:
    """Within it the trackers stay open, to the report, which MMEngine closes at the end of training."""
    visualizer = runner.visualizer
    visualizer.close = lambda: None
    try:
        yield
    finally:
        del visualizer.close
        if is_main_process():
            visualizer.close()


def track_report(runner: Runner, results: dict[str, Any]) -> None:
    """Hands the trackers the final figures of each model and the pictures in the work dir; on the main process.

    Args:
        runner: After training.
        results: What ``results.json`` holds.
    """
    if not is_main_process():
        return
    figures = {
        f'final/{model.replace(" ", "_")}/{name}': value
        for model, scores in results.items()
        if isinstance(scores, dict) and 'metrics' in scores
        for name, value in scores['metrics'].items()
        if isinstance(value, Real)
    }
    pictures = {
        path.name: mmcv.imread(path, channel_order='rgb') for path in sorted(Path(runner.work_dir).glob('*.png'))
    }
    for backend in runner.visualizer._vis_backends.values():
        if isinstance(backend, LocalVisBackend):  # the work dir has all of it
            continue
        backend.add_scalars(figures, step=runner.iter)
        for name, picture in pictures.items():
            backend.add_image(name, picture, step=runner.iter)
