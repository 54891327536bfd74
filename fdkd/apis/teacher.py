"""The teachers are part of the job: found where they were trained before, or trained first."""

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.dist import is_main_process

from fdkd.algorithms.teacher import comes_trained, teacher_configs
from fdkd.apis.config import all_options, load_config, run_name, tell_unused
from fdkd.apis.options import RunOptions
from fdkd.apis.other_data import on_other_data
from fdkd.checkpoint import read_checkpoint
from fdkd.engine.launch import from_rank_zero
from fdkd.engine.saving import STUDENT_FILE
from fdkd.errors import CheckpointError, ConfigError
from fdkd.locks import try_lock
from fdkd.packaged import broken_link, find_config, near_config, shown

#: Given in place of a checkpoint: a teacher with the random weights that a training from scratch would start with.
UNTRAINED = 'untrained'
_LOCK_FILE = '.teacher.lock'
#: Seconds between two looks whether another job is done with a teacher.
_PAUSE = 5.0


def ensure_teacher(
    cfg: Config,
    options: RunOptions,
    given: str | None,
    root: Path,
    train: Callable[[Path, RunOptions, Path], None],
) -> None:
    """Fills the ``checkpoint`` of each teacher: the given one, one that is already there, or one trained now.

    For :data:`UNTRAINED`, a control, it is ``None``, and all pretrained weights are taken off the teachers' models;
    their weights then follow the run's seed. It is ``None`` as well where the weights come with the teacher's model.

    A finished run of the teacher's config with the same options is found under ``root`` by the hash of everything that
    decides its weights: in the folder of a run that the user made, or in the one beside it that this function makes.

    Says which options, or ``run_options`` of the config, change nothing.

    Args:
        cfg: Config of the student's run.
        options: Options of the run, which hold for the teachers too.
        given: A checkpoint from the command line, or :data:`UNTRAINED`.
        root: Folder of all runs.
        train: Trains ``config`` with ``options`` into a folder; called on every rank.

    Raises:
        ConfigError: If there is neither a checkpoint nor a config to train one with, or a checkpoint is given and there
            are several teachers.
    """
    configs = complete_teachers(cfg, options)
    tell_unused(cfg, all_options(cfg, options))
    teachers = teacher_configs(cfg.model)
    if given == UNTRAINED:
        for teacher in teachers.values():
            _take_off_weights(teacher)
        return
    if given and len(teachers) > 1:
        raise ConfigError(
            f'--teacher {given}: there are several teachers ({", ".join(teachers)}): name the file with '
            f'{_option(teachers, next(iter(teachers)))}FILE'
        )
    for name, teacher in teachers.items():
        if given or teacher.get('checkpoint'):
            teacher.checkpoint = str(given or teacher.checkpoint)
        elif configs[name] is not None:
            for_teacher = all_options(cfg, options).for_teacher()
            teacher.checkpoint = _trained(teacher, configs[name], for_teacher, root, train, _option(teachers, name))
        elif comes_trained(teacher):
            teacher.checkpoint = None
        else:
            raise ConfigError(
                f'the teacher of modality {teacher.modality!r} has neither a checkpoint nor a config to train'
            )


def _trained(
    teacher: ConfigDict,
    cfg: Config,
    options: RunOptions,
    root: Path,
    train: Callable[[Path, RunOptions, Path], None],
    option: str,
) -> str:
    """The checkpoint of a finished run of ``cfg``, which is run where there is none; ``option`` would name another."""
    name = run_name(teacher.config)
    own_run, whole, lossy = root / name, root / f'{name}-{cfg.config_hash}', root / f'{name}-{cfg.config_hash}-skip'
    skips = options.on_error == 'skip'  # which the hash does not tell
    beside = lossy if skips else whole
    if (done := from_rank_zero(_first_finished, (own_run, whole, lossy), cfg.config_hash, skips)) is None:
        with _turn(beside):  # a job that was before this one may have trained it meanwhile
            if from_rank_zero(_finished, beside, cfg.config_hash, skips) is None:
                if is_main_process():
                    if other := on_other_data(root, name, cfg):
                        print(f'{other.differing}; to use it all the same: {option}{other.checkpoint}')
                    config = shown(teacher.config)
                    print(f'no trained {teacher.modality} teacher of {config} yet: training it first, in {beside}')
                train(Path(teacher.config), options, beside)
        done = beside / STUDENT_FILE
    return str(done)


def _option(teachers: Mapping[str, ConfigDict], name: str) -> str:
    """What stands before a checkpoint on the command line, for one of the teachers."""
    return '--teacher ' if len(teachers) == 1 else f'--cfg-options model.teachers.{name}.checkpoint='


def _first_finished(folders: Sequence[Path], config_hash: str, skips: bool) -> Path | None:
    return next(filter(None, (_finished(folder, config_hash, skips) for folder in folders)), None)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Waits until no other job trains in ``folder``, and keeps further ones waiting; a process that dies lets go."""
    with ExitStack() as held:
        if not from_rank_zero(_taken, folder, held):
            if is_main_process():
                print(f'another job trains the teacher in {folder}: waiting for it')
            while not from_rank_zero(_taken, folder, held):  # ranks that waited for rank 0 alone would time out
                time.sleep(_PAUSE)
        yield


def _taken(folder: Path, held: ExitStack) -> bool:
    """Whether ``folder`` could be locked, which ``held`` undoes."""
    lock = try_lock(folder / _LOCK_FILE)
    if lock is not None:
        held.enter_context(lock)
    return lock is not None


def complete_teachers(cfg: Config, options: RunOptions) -> dict[str, Config | None]:
    """Fills the ``model`` of each teacher from the config that trains it.

    Args:
        cfg: Config of the student's run.
        options: Options of that run.

    Returns:
        Each teacher's complete config by name, or ``None`` where ``cfg`` states its model.

    Raises:
        ConfigError: If a teacher's config does not exist, trains a pair or another modality.
    """
    theirs = all_options(cfg, options).for_teacher()
    return {name: _complete(teacher, cfg, theirs) for name, teacher in teacher_configs(cfg.model).items()}


def _complete(teacher: ConfigDict, cfg: Config, options: RunOptions) -> Config | None:
    if 'model' in teacher or 'config' not in teacher:
        return None
    teacher.config = str(locate(teacher.config, cfg.filename))
    teacher_cfg = load_config(teacher.config, options)
    name, modality = shown(teacher.config), teacher.modality
    if 'student' in teacher_cfg.model:
        raise ConfigError(f'{name} trains a pair; expected a config that trains a model of modality {modality!r} alone')
    if teacher_cfg.model.modality != modality:
        raise ConfigError(f'{name} trains a model of modality {teacher_cfg.model.modality!r}, expected {modality!r}')
    teacher.model = teacher_cfg.model.model
    return teacher_cfg


def _take_off_weights(teacher: ConfigDict) -> None:
    """Leaves a teacher neither a checkpoint nor pretrained weights.

    Raises:
        ConfigError: If its model is not stated.
    """
    if 'model' not in teacher:
        raise ConfigError(f'--teacher {UNTRAINED}: the teacher of modality {teacher.modality!r} states no model')
    bare = Config({'model': copy.deepcopy(teacher.model)})  # the student's config may be the very same object
    RunOptions(pretrained='none').apply(bare)
    teacher.model, teacher.checkpoint = bare.model, None


def locate(config: str, student_config: str) -> Path:
    """The teacher's config: as written, relative to a folder above the student's, or one that comes with fdkd."""
    folders = [Path(), *Path(student_config).resolve().parents]
    found = [folder / config for folder in folders if (folder / config).is_file()]
    packaged = find_config(config)
    if not found and not packaged.is_file():
        hint = broken_link(config) or ((near := near_config(config)) and f'did you mean {near}?')
        hint = f'; {hint}' if hint else ''
        raise ConfigError(f"{shown(student_config)}: the teacher's config {config} does not exist{hint}")
    return found[0] if found else packaged


def _finished(folder: Path, config_hash: str, skips: bool = False) -> Path | None:
    """The checkpoint of a run that is finished; one that lost samples counts for a job that ``skips`` them alone."""
    path = folder / STUDENT_FILE
    try:
        meta = read_checkpoint(path).get('meta') if path.is_file() else None
    except CheckpointError as error:
        if is_main_process():
            print(f'{error}; it is not taken for a teacher')
        return None
    mine = isinstance(meta, dict) and meta.get('finished') is True and meta.get('config_hash') == config_hash
    if mine and meta.get('skipped') and not skips:
        if is_main_process():
            print(
                f'{path}: trained without {meta["skipped"]} samples that could not be read; it is not taken for a '
                'teacher (--on-error skip takes it)'
            )
        return None
    return path if mine else None
