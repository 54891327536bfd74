"""The teacher is part of the job: found where it was trained before, or trained first."""

import copy
from collections.abc import Callable
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process

from fdkd.apis.config import all_options, load_config, run_name
from fdkd.apis.options import RunOptions
from fdkd.checkpoint import read_checkpoint
from fdkd.engine.runner import STUDENT_FILE
from fdkd.errors import CheckpointError, ConfigError

#: Given in place of a checkpoint: a teacher with the random weights that a training from scratch would start with.
UNTRAINED = 'untrained'


def ensure_teacher(
    cfg: Config,
    options: RunOptions,
    given: str | None,
    root: Path,
    train: Callable[[Path, RunOptions, Path], None],
) -> None:
    """Fills ``cfg.model.teacher.checkpoint``: the given one, one that is already there, or one trained now.

    For :data:`UNTRAINED`, a control, it is ``None``, and all pretrained weights are taken off the teacher's model; its
    weights then follow the run's seed.

    A finished run of the teacher's config with the same options is found under ``root`` by the hash of everything that
    decides its weights: in the folder of a run that the user made, or in the one beside it that this function makes.

    Args:
        cfg: Config of the student's run.
        options: Options of the run, which hold for the teacher too.
        given: A checkpoint from the command line, or :data:`UNTRAINED`.
        root: Folder of all runs.
        train: Trains ``config`` with ``options`` into a folder; called on every rank.

    Raises:
        ConfigError: If there is neither a checkpoint nor a config to train one with.
    """
    teacher = cfg.model.teacher
    teacher_options = all_options(cfg, options).for_teacher()
    teacher_cfg = complete_teacher(cfg, teacher_options)
    if given == UNTRAINED:
        _take_off_weights(cfg)
        return
    if given or teacher.get('checkpoint'):
        teacher.checkpoint = str(given or teacher.checkpoint)
        return
    if teacher_cfg is None:
        raise ConfigError(
            f'the teacher of modality {teacher.modality!r} has neither a checkpoint nor a config to train'
        )
    name = run_name(teacher.config)
    own_run, beside = root / name, root / f'{name}-{teacher_cfg.config_hash}'
    found = [str(_finished(folder, teacher_cfg.config_hash)) for folder in (own_run, beside)]
    broadcast_object_list(found)  # rank 0 decides, so that no rank trains alone
    done = [path for path in found if path != 'None']
    if not done:
        if is_main_process():
            print(f'no trained {teacher.modality} teacher of {teacher.config} yet: training it first, in {beside}')
        train(Path(teacher.config), teacher_options, beside)
        done = [str(beside / STUDENT_FILE)]
    teacher.checkpoint = done[0]


def complete_teacher(cfg: Config, options: RunOptions) -> Config | None:
    """Fills ``cfg.model.teacher.model`` from the config that trains it.

    Args:
        cfg: Config of the student's run.
        options: Options of the teacher's run.

    Returns:
        The teacher's complete config, or ``None`` where ``cfg`` states its model.

    Raises:
        ConfigError: If the teacher's config does not exist or trains another modality.
    """
    teacher = cfg.model.teacher
    if 'model' in teacher or 'config' not in teacher:
        return None
    teacher.config = str(locate(teacher.config, cfg.filename))
    teacher_cfg = load_config(teacher.config, options)
    if teacher_cfg.model.modality != teacher.modality:
        raise ConfigError(
            f'{teacher.config} trains a model of modality {teacher_cfg.model.modality!r}, expected {teacher.modality!r}'
        )
    teacher.model = teacher_cfg.model.model
    return teacher_cfg


def _take_off_weights(cfg: Config) -> None:
    """Leaves the teacher neither a checkpoint nor pretrained weights.

    Raises:
        ConfigError: If its model is not stated.
    """
    teacher = cfg.model.teacher
    if 'model' not in teacher:
        raise ConfigError(f'--teacher {UNTRAINED}: the teacher of modality {teacher.modality!r} states no model')
    bare = Config({'model': copy.deepcopy(teacher.model)})  # the student's config may be the very same object
    RunOptions(pretrained='none').apply(bare)
    teacher.model, teacher.checkpoint = bare.model, None


def locate(config: str, student_config: str) -> Path:
    """The teacher's config: as written, or relative to a folder above the student's, such as the repository."""
    folders = [Path(), *Path(student_config).resolve().parents]
    found = [folder / config for folder in folders if (folder / config).is_file()]
    if not found:
        raise ConfigError(f"{student_config}: the teacher's config {config} does not exist")
    return found[0]


def _finished(folder: Path, config_hash: str) -> Path | None:
    path = folder / STUDENT_FILE
    try:
        meta = read_checkpoint(path).get('meta', {}) if path.is_file() else {}
    except CheckpointError:
        return None
    return path if meta.get('finished') and meta.get('config_hash') == config_hash else None
