"""Training one config, teacher included, up to the report."""

import gc
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.registry import init_default_scope

from fdkd.algorithms.teacher import teacher_configs
from fdkd.apis.config import all_options, load_config, run_name, tell_unused
from fdkd.apis.options import RunOptions
from fdkd.apis.report import report
from fdkd.apis.teacher import complete_teachers, ensure_teacher
from fdkd.apis.tracking import track_report, tracked
from fdkd.apis.validate import refuse_unbuildable
from fdkd.engine.interruption import stoppable
from fdkd.engine.launch import restarted, setup_distributed
from fdkd.engine.runner import Runner
from fdkd.errors import ConfigError
from fdkd.packaged import shown
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
        resume: Continue the run in ``work_dir`` from its newest checkpoint; starts anew where there is none. A job
            that its launcher started again, see :func:`~fdkd.engine.launch.restarted`, does so unasked.
        launcher: ``'none'``, ``'pytorch'``, ``'slurm'`` or ``'mpi'``.
        unsafe_checkpoint: Unpickle checkpoints without restriction.

    Returns:
        The results, as in ``results.json``.

    Raises:
        FdkdError: For every expected failure, see :mod:`fdkd.errors`.
        Interrupted: If SIGTERM or SIGINT has stopped it; everything is saved.
    """
    setup_distributed(launcher)
    with stoppable():
        return _train(
            config,
            options or RunOptions(),
            work_dir=work_dir,
            teacher=teacher,
            resume=resume or restarted(),
            launcher=launcher,
            unsafe_checkpoint=unsafe_checkpoint,
            on_the_way=False,
        )


def _train(
    config: str | Path,
    options: RunOptions,
    *,
    work_dir: str | Path | None,
    teacher: str | None,
    resume: bool,
    launcher: str,
    unsafe_checkpoint: bool,
    on_the_way: bool,
) -> dict[str, Any]:
    """What :func:`train` does once signals are watched, and ``on_the_way`` to a student for its teacher."""
    cfg = load_config(config, options)
    refuse_unbuildable(cfg, shown(config))
    teachers = teacher_configs(cfg.model)
    if teachers and not ALGORITHMS.get(cfg.model.type).teacher_comes_trained:
        if teacher:
            raise ConfigError(f'--teacher {teacher}: {cfg.model.type} trains its teacher from scratch')
        complete_teachers(cfg, options)
        tell_unused(cfg, all_options(cfg, options))
    elif teachers:

        def train_teacher(path: Path, teacher_options: RunOptions, folder: Path) -> None:
            _train(
                path,
                teacher_options,
                work_dir=folder,
                teacher=None,
                resume=True,
                launcher=launcher,
                unsafe_checkpoint=False,
                on_the_way=True,
            )
            gc.collect()  # its runner is a cycle, which holds the loader's workers and their memory

        ensure_teacher(cfg, options, teacher, WORK_DIRS, train_teacher)
        for entry in teachers.values():
            entry.unsafe_checkpoint = unsafe_checkpoint
    elif teacher:
        raise ConfigError(f'--teacher {teacher}: {config} trains without a teacher')
    elif not on_the_way:  # the options were given to the student's run, which may have a place for them
        tell_unused(cfg, all_options(cfg, options))
    cfg.work_dir = str(work_dir or WORK_DIRS / run_name(config))
    cfg.resume, cfg.launcher, cfg.unsafe_checkpoint = resume, launcher, unsafe_checkpoint
    cfg.experiment_name = f'{run_name(config).replace("/", "_")}-{cfg.config_hash}'
    init_default_scope(cfg.default_scope)
    runner = Runner.from_cfg(cfg)
    if is_main_process():
        for notice in runner.algorithm.notices:
            print(notice)
        print(f'{run_name(config)}: training for {cfg.train_cfg.max_epochs} epochs, everything goes to {cfg.work_dir}')
    with tracked(runner):
        runner.train()
        results = report(runner)
        track_report(runner, results)
    return results
