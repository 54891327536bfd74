"""Training one config, teacher included, up to the report."""

import gc
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.registry import init_default_scope

from fdkd.apis.config import all_options, load_config, run_name
from fdkd.apis.options import RunOptions
from fdkd.apis.report import report
from fdkd.apis.teacher import complete_teacher, ensure_teacher
from fdkd.engine.launch import setup_distributed
from fdkd.engine.runner import Runner
from fdkd.errors import ConfigError
from fdkd.registry import ALGORITHMS

WORK_DIRS = Path('work_dirs')


def train(
    config: str | Path,
    options: RunOptions | None = None,
    *,
    work_dir: str | Path | None = None,
    teacher: str | None = None,
    resume: bool = False,
    launcher: str = 'none',
    unsafe_checkpoint: bool = False,
) -> dict[str, Any]:
    """Trains ``config``, its teacher first where none is trained yet, and reports the last epoch on the test set.

    Args:
        config: Config file.
        options: What this run changes, for the teacher as well.
        work_dir: Where checkpoints, logs and results go; default ``work_dirs/FOLDER/NAME`` after the config.
        teacher: Checkpoint of the teacher to use instead of the config's, or ``'untrained'`` for one with random
            weights.
        resume: Continue the run in ``work_dir`` from its newest checkpoint; starts anew where there is none.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        unsafe_checkpoint: Unpickle checkpoints without restriction.

    Returns:
        The results, as in ``results.json``.

    Raises:
        FdkdError: For every expected failure, see :mod:`fdkd.errors`.
    """
    options = options or RunOptions()
    setup_distributed(launcher)
    cfg = load_config(config, options)
    if 'teacher' in cfg.model and not ALGORITHMS.get(cfg.model.type).teacher_comes_trained:
        if teacher:
            raise ConfigError(f'--teacher {teacher}: {cfg.model.type} trains its teacher from scratch')
        complete_teacher(cfg, all_options(cfg, options).for_teacher())
    elif 'teacher' in cfg.model:

        def train_teacher(path: Path, teacher_options: RunOptions, folder: Path) -> None:
            train(path, teacher_options, work_dir=folder, resume=True, launcher=launcher)
            gc.collect()  # its runner is a cycle, which holds the loader's workers and their memory

        ensure_teacher(cfg, options, teacher, WORK_DIRS, train_teacher)
        cfg.model.teacher.unsafe_checkpoint = unsafe_checkpoint
    elif teacher:
        raise ConfigError(f'--teacher {teacher}: {config} trains without a teacher')
    cfg.work_dir = str(work_dir or WORK_DIRS / run_name(config))
    cfg.resume, cfg.launcher, cfg.unsafe_checkpoint = resume, launcher, unsafe_checkpoint
    cfg.experiment_name = f'{run_name(config).replace("/", "_")}-{cfg.config_hash}'
    init_default_scope(cfg.default_scope)
    runner = Runner.from_cfg(cfg)
    if is_main_process():
        print(f'{run_name(config)}: training for {cfg.train_cfg.max_epochs} epochs, everything goes to {cfg.work_dir}')
    runner.train()
    return report(runner)
