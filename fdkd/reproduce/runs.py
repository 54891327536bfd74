"""What a table is made of: trainings, each known by everything that decides its figures."""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from fdkd.apis.config import NOT_HASHED, load_config, run_name, without
from fdkd.apis.options import RunOptions
from fdkd.apis.teacher import UNTRAINED
from fdkd.datasets.absent import no_folder
from fdkd.errors import DataError
from fdkd.registry import ALGORITHMS
from fdkd.reproduce.contents import contents
from fdkd.reproduce.teacher_view import has_fixed_view

#: The option that names the folder in which a run keeps its teacher's features.
CACHE = '--cache-teacher-in'


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        config: Path of the config in the repository, for example ``'configs/feat/grid_visual_from_audio.py'``.
        seed: Its seed.
        changes: What else differs from the config, dotted key and value.
        teacher: The run that leaves the teacher behind, :data:`~fdkd.apis.teacher.UNTRAINED`, or ``None`` where none
            comes trained.
    """

    config: str
    seed: int
    changes: tuple[tuple[str, Any], ...] = ()
    teacher: 'Run | str | None' = None


@dataclass(frozen=True)
class Job:
    """A run that is ready to start.

    Attributes:
        run: The run.
        teacher: The job that trains its teacher, or ``None``.
        cfg: The complete config.
        key: Twelve hexadecimal digits that change with anything that decides the figures: config, data, seed, test set,
            teacher, and the files of weights and language models, but not where data and configs lie.
        name: Name of the folder, which begins with what a reader looks for.
        arguments: What ``tools/train.py`` is called with, but for the folder and the teacher's checkpoint.
    """

    run: Run
    teacher: 'Job | None'
    cfg: Config
    key: str
    name: str
    arguments: tuple[str, ...]

    @property
    def epochs(self) -> int:
        """Length of the training."""
        return self.cfg.train_cfg.max_epochs


class Workshop:
    """Turns runs into jobs, under options that are the same for all.

    Args:
        repository: Folder that ``configs/`` and ``tools/`` stand in.
        options: What differs from every config; its ``epochs`` and ``seed`` are left to ``budget`` and the runs. Its
            ``cache_teacher`` reaches the runs whose teacher's view is fixed, and has no say in their keys.
        budget: Share of each config's epochs that is trained, at least one epoch.
    """

    def __init__(self, repository: Path, options: RunOptions | None = None, budget: float = 1.0) -> None:
        options = options or RunOptions()
        self.repository, self.budget, self.cache_teacher = repository, budget, options.cache_teacher
        self.options = replace(options, cache_teacher=None)
        self.job = lru_cache(maxsize=None)(self._job)
        self.config = lru_cache(maxsize=None)(self._config)

    @property
    def setting(self) -> dict[str, str]:
        """The common options that decide figures, by name; of files and folders only what they are called."""
        amp = {'amp': 'on'} if self.options.amp is True else {}
        given = {flag[2:]: value for flag, value in _deciding(self.options).items() if value is not None}
        return {name: Path(str(value)).name for name, value in given.items()} | amp

    def load(self, config: str) -> Config:
        """A config of the repository under the common options."""
        return load_config(self.repository / config, self.options)

    def _job(self, run: Run) -> Job:
        """The job of ``run`` and of its teacher.

        Raises:
            DataError: If the data are not there.
            ConfigError: If a config cannot be meant.
        """
        options, cfg = self._options(run), self.config(run)
        if cfg.data_hash is None:
            raise DataError(no_folder(cfg.train_dataloader.dataset.data_root))
        given = run.teacher if _takes_teacher(cfg) else None
        teacher = self.job(given) if isinstance(given, Run) else None
        taught_by = teacher.key if teacher else given
        network = None if teacher else self._teacher_network(cfg)
        parts = [cfg.config_hash, taught_by, network, cfg.get('test_dataloader'), cfg.get('test_evaluator')]
        files = contents(cfg.to_dict(), network)
        key = _digest([*parts, files] if files else parts)
        name = f'{stem_of(replace(run, teacher=given))}-{key}'
        keeps = self.cache_teacher is not None and has_fixed_view(cfg)
        return Job(run, teacher, cfg, key, name, self._arguments(run, options, given, keeps))

    def _config(self, run: Run) -> Config:
        """The complete config of ``run``, whether or not its data are there."""
        return load_config(self.repository / run.config, self._options(run))

    def _options(self, run: Run) -> RunOptions:
        options = replace(self.options, seed=run.seed, cfg_options=dict(run.changes))
        if self.budget == 1:
            return options
        return replace(options, epochs=max(1, round(self.budget * self.load(run.config).train_cfg.max_epochs)))

    def _teacher_network(self, cfg: Config) -> Any:
        """The network of a teacher that no other run trains, which the config may name by a file alone."""
        config = cfg.model.get('teacher', {}).get('config')
        return self.load(config).model.model if config else None

    def _arguments(self, run: Run, options: RunOptions, teacher: Run | str | None, keeps: bool) -> tuple[str, ...]:
        flags = {
            '--seed': options.seed,
            '--epochs': options.epochs,
            '--data-root': options.data_root,
            '--workers': options.workers,
            **_deciding(options),
            CACHE: self.cache_teacher if keeps else None,
        }
        given = [text for flag, value in flags.items() if value is not None for text in (flag, str(value))]
        changes = [f'{key}={value}' for key, value in run.changes]
        return (
            os.path.relpath(self.repository / run.config),
            *given,
            *(['--amp'] if options.amp is True else []),
            *(['--teacher', UNTRAINED] if teacher == UNTRAINED else []),
            *(['--cfg-options', *changes] if changes else []),
        )


def stem_of(run: Run) -> str:
    """What the folder of ``run`` is called, without the key."""
    folder, _, stem = run_name(run.config).partition('/')
    changed = '-changed' if run.changes or run.teacher == UNTRAINED else ''
    return f'{folder}-{stem}{changed}-seed{run.seed}'


def _deciding(options: RunOptions) -> dict[str, Any]:
    """The flags of what decides figures alike in every run, ``None`` where the config decides."""
    return {
        '--size': options.size and '{}x{}'.format(*options.size),
        '--batch-size': options.batch_size,
        '--pretrained': options.pretrained,
        '--text-model': options.text_model,
        '--amp-dtype': options.amp if isinstance(options.amp, str) else None,
        '--accumulate': options.accumulate,
        '--views': options.views,
    }


def _takes_teacher(cfg: Config) -> bool:
    return 'teacher' in cfg.model and ALGORITHMS.get(cfg.model.type).teacher_comes_trained


def _digest(parts: Any) -> str:
    """Where the data lie, and how fast they are read, has no say."""
    text = json.dumps(without(parts, NOT_HASHED), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
