"""A frozen teacher: built, loaded, checked against what the student needs, and kept out of the student's way."""

import os
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from fdkd.checkpoint import load_weights, read_checkpoint
from fdkd.errors import CheckpointError, ConfigError
from fdkd.models.foreign import is_foreign
from fdkd.registry import MODELS

#: Where a full checkpoint of an algorithm keeps the student.
STUDENT_PREFIX = 'student.'


class Frozen:
    """Holds a module without making it a part of the module that owns the holder.

    The teacher therefore appears in no ``parameters()``, no ``state_dict()``, no optimizer, no DDP bucket, and copies
    of the owner (an exponential moving average, say) share it.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module.eval().requires_grad_(False)

    def __deepcopy__(self, memo: dict) -> 'Frozen':
        # What else of the owner refers to the module or a part of it (a reader of taps) shares it as well.
        memo.update({id(part): part for part in self.module.modules()})
        return self


def teacher_model_config(teacher: dict[str, Any]) -> dict[str, Any]:
    """The config of the teacher's network, its ``model``.

    Raises:
        ConfigError: If it has none, as where a config file trains it that has not been read.
    """
    if 'model' not in teacher:
        raise ConfigError(
            f'the teacher of modality {teacher["modality"]!r} has no model; fdkd.apis.teacher.complete_teachers fills '
            'it from the config that trains it'
        )
    return teacher['model']


def comes_with_data(teacher: dict[str, Any]) -> bool:
    """Whether a teacher is made of files that the data set reads, and has no weights to train or to load."""
    kind = teacher.get('model', {}).get('type')
    return getattr(MODELS.get(kind) if isinstance(kind, str) else kind, 'comes_with_data', False)


def comes_trained(teacher: dict[str, Any]) -> bool:
    """Whether a teacher needs no checkpoint: its model's config names pretrained weights, or it has none at all."""
    model = teacher.get('model', {})
    return comes_with_data(teacher) or (is_foreign(model) and bool(model.get('pretrained')))


def teacher_configs(model: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The configs of an algorithm's teachers by name: those under ``teachers``, or the one under ``teacher``.

    Args:
        model: Config of the algorithm.

    Returns:
        ``{'teacher': ...}`` for a single one; empty without a teacher.

    Raises:
        ConfigError: If there are both, or ``teachers`` is no dictionary.
    """
    one, several = model.get('teacher'), model.get('teachers')
    if several is None:
        return {} if one is None else {'teacher': one}
    if one is not None:
        raise ConfigError('model: has a teacher and teachers: put all of them under teachers')
    if not isinstance(several, Mapping) or not all(isinstance(entry, Mapping) for entry in several.values()):
        raise ConfigError('model.teachers: expected a dictionary of teachers, such as dict(depth=dict(...))')
    return dict(several)


def without_checkpoint(teacher: dict[str, Any]) -> ConfigError:
    """What to say of a trained teacher whose config names no checkpoint."""
    return ConfigError(
        f'the teacher of modality {teacher["modality"]!r} has no checkpoint: start with `fdkd train`, which '
        'trains one where none exists, or set model.teacher.checkpoint'
    )


def build_teacher(teacher: dict[str, Any], student: nn.Module, any_classes: bool = False) -> nn.Module:
    """Builds the teacher, loads its checkpoint and checks that it can teach ``student``.

    Args:
        teacher: ``modality``, ``model`` and ``checkpoint``; ``checkpoint=None`` leaves random weights,
            for a teacher that trains from scratch, as a control, and in benchmarks. ``unsafe_checkpoint=True``
            unpickles it without restriction.
        student: The built student.
        any_classes: Whether the teacher may know other classes, as where its features alone are compared.

    Raises:
        CheckpointError: If the checkpoint is another modality's, another architecture's or has other classes.
        ConfigError: If there is no ``model``.
    """
    model = MODELS.build(teacher_model_config(teacher))
    classes, wanted = (getattr(network, 'num_classes', None) for network in (model, student))
    if classes != wanted and not any_classes:
        raise CheckpointError(
            f'the teacher {_name(teacher)} knows {classes or "no"} classes, the student {wanted}: only features can be '
            "compared, with losses such as on='map'"
        )
    if teacher['checkpoint'] is not None:
        path, unsafe = teacher['checkpoint'], teacher.get('unsafe_checkpoint', False)
        load_weights(model, student_weights(path, teacher['modality'], classes, unsafe), path)
    return model


def student_weights(
    path: str | os.PathLike, modality: str, num_classes: int | None = None, unsafe: bool = False
) -> dict[str, Tensor]:
    """The weights of the single-modality model in a student file or a full checkpoint.

    Raises:
        CheckpointError: If the file says that it was trained on another modality or with another number of classes.
    """
    weights = checked_weights(path, modality, num_classes, unsafe)
    full = {name.removeprefix(STUDENT_PREFIX): x for name, x in weights.items() if name.startswith(STUDENT_PREFIX)}
    return full or weights


def checked_weights(
    path: str | os.PathLike, modality: str, num_classes: int | None = None, unsafe: bool = False
) -> dict[str, Tensor]:
    """All weights of a student file or a full checkpoint.

    Raises:
        CheckpointError: If the file says that it was trained on another modality or with another number of classes, or
            holds no weights, or some that are NaN.
    """
    checkpoint = read_checkpoint(path, unsafe=unsafe)
    meta, weights = checkpoint.get('meta'), checkpoint.get('state_dict', checkpoint)
    meta = {} if meta is None else meta
    if not isinstance(meta, dict) or not isinstance(weights, dict) or not all(isinstance(key, str) for key in weights):
        raise CheckpointError(
            f'{path}: holds no weights by name, as training writes and torch.save(model.state_dict())'
        )
    trained_on, classes = meta.get('modality', modality), meta.get('classes')
    if trained_on != modality:
        raise CheckpointError(f'{path}: a model of modality {trained_on!r}, expected {modality!r}')
    if num_classes is not None and isinstance(classes, (list, tuple)) and len(classes) != num_classes:
        raise CheckpointError(f'{path}: a model of {len(classes)} classes, expected {num_classes}')
    if broken := [name for name, x in weights.items() if isinstance(x, Tensor) and x.isnan().any()]:
        raise CheckpointError(
            f'{path}: {len(broken)} of {len(weights)} entries hold NaN, for example {broken[0]}: its training failed'
        )
    return weights


def _name(teacher: dict[str, Any]) -> str:
    return str(teacher.get('checkpoint') or teacher.get('config') or teacher['modality'])
